"""The ledger's stream as Lambda hands it over: records of the table's items into deliveries of spans."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tollgate.domain.place import Delivery, Place, PlacedSpan
from tollgate.domain.span import from_text

# RecursionError: text that is nested deeper than the parser goes.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def deliveries(records: Sequence[Mapping[str, Any]]) -> list[Delivery]:
    """One for each record whose item carries a span; holds, accounts and deletions carry none."""
    return [delivery_of(record) for record in records if "span" in _image(record)]


def delivery_of(record: Mapping[str, Any]) -> Delivery:
    """Never raises: what cannot be read is a delivery with a fault."""
    name = f"poison/{_name(record)}.json"
    try:
        image = _image(record)
        placed = PlacedSpan(place=_place(image), span=from_text(image["span"]["S"]))
    except UNREADABLE as error:
        return Delivery(name=name, record=record, fault=f"{type(error).__name__}: {error}")
    return Delivery(name=name, record=record, placed=placed)


def _place(image: Mapping[str, Any]) -> Place:
    return Place(
        tenant_id=_after("TENANT#", image["pk"]["S"]),
        month=_after("MONTH#", image["sk"]["S"]),
        epoch=int(image["epoch"]["N"]),
        seq=int(image["seq"]["N"]),
    )


def _after(prefix: str, key: str) -> str:
    if not key.startswith(prefix):
        raise ValueError(f"{key!r} is not the key of a page")
    return key.removeprefix(prefix)


def _image(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Empty for a deletion, which has no new image."""
    image = record.get("dynamodb", {}).get("NewImage")
    return image if isinstance(image, Mapping) else {}


def _name(record: Mapping[str, Any]) -> str:
    """`<tenant>/<month>/<epoch>-<seq>` where the record says so, else its id in the stream, which is unique too."""
    image = _image(record)
    try:
        tenant, month = (image[key]["S"].partition("#")[2] for key in ("pk", "sk"))
        number = f"{image['epoch']['N']}-{image['seq']['N']}"
    except UNREADABLE:
        return f"unplaced/{quote(str(record.get('eventID')), safe='')}"
    return "/".join(quote(part, safe="") for part in (tenant, month, number))
