"""Money is a whole number of nano-dollars (1 USD = 1,000,000,000), from the price to Postgres; no float inside."""

from decimal import ROUND_CEILING, Decimal
from typing import NewType

NanoUsd = NewType("NanoUsd", int)

NANO_PER_USD = 1_000_000_000
ZERO = NanoUsd(0)


def from_usd(usd: Decimal) -> NanoUsd:
    """Dollars to nano-dollars, rounded up to the next whole one. Raises ValueError for NaN and infinities."""
    if not usd.is_finite():
        raise ValueError("an amount of money must be a finite number")
    return NanoUsd(int((usd * NANO_PER_USD).to_integral_value(rounding=ROUND_CEILING)))


def to_usd(amount: int) -> Decimal:
    """Nano-dollars to dollars, exact, with at most nine decimals."""
    return Decimal(amount).scaleb(-9)


def usd_number(amount: int) -> int | float:
    """Nano-dollars as the JSON number of dollars that the edge shows: exact up to 2^23 (8.3 million) dollars."""
    whole, rest = divmod(amount, NANO_PER_USD)
    return whole if rest == 0 else float(to_usd(amount))


def usd_text(amount: int) -> str:
    """Nano-dollars for a sentence: `$12.50`, or `$0.000412` where cents would hide it."""
    usd = to_usd(amount)
    cents = usd.quantize(Decimal("0.01"))
    return f"${cents}" if cents == usd else f"${usd.normalize():f}"


def ceil_div(dividend: int, divisor: int) -> int:
    """Whole division that rounds up, also for negative numbers."""
    return -(-dividend // divisor)
