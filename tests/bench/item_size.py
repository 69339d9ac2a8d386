"""The size of an item by DynamoDB's rules, and what a write of it takes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from tollgate.adapters.page_item import Item, Value

UNIT_BYTES = 1024


def size_of(item: Item) -> int:
    """Bytes of all names and values. The hundred bytes that storage is billed for besides are no part of a write."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def write_units(before: Item, after: Item) -> int:
    """An update takes the larger of the item before and after it, whatever it changes."""
    return -(-max(size_of(before), size_of(after)) // UNIT_BYTES)


def _value_size(value: Value) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_size(int(content))
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(part) for name, part in content.items())
        case "L":
            return 3 + sum(1 + _value_size(part) for part in content)
        case _:
            raise ValueError(f"a page has no {kind}")


def _number_size(number: int) -> int:
    """A byte for each two significant digits, one more, and one for a minus. The pairs are counted from the decimal point, so that
    120 takes as much as 1200; where AWS says "approximately", this is the larger reading."""
    digits = abs(number)
    while digits and digits % 100 == 0:
        digits //= 100
    pairs = -(-len(str(digits)) // 2) if digits else 0
    return pairs + 1 + (number < 0)
