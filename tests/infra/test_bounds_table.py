"""infra/bounds.md says what the code does."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tollgate.domain.chat_fields import (
    FIELDS,
    MESSAGE_FIELDS,
    MESSAGE_REFUSED,
    PART_FIELDS_REFUSED,
    PARTS,
    PARTS_REFUSED,
    REFUSED,
    TOOLS,
)

TEXT = (Path(__file__).parents[2] / "infra" / "bounds.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def section(title: str) -> dict[str, str]:
    body = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return {name: value for name, value in ROW.findall(body) if not name.startswith(("field", "what", "refused"))} | {
        name: value for name, value in ROW.findall(body) if name.startswith("field `")
    }


def named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def rows(before: str, table: Mapping[str, str], after: str = "") -> dict[str, str]:
    return {f"{before}`{name}`{after}": value for name, value in table.items()}


def test_every_field_stands_in_the_table_as_it_is_bounded() -> None:
    assert section("Fields of the request") == rows("", {name: how.value for name, how in FIELDS.items()})


def test_every_refused_field_stands_there_with_what_to_send_instead() -> None:
    assert section("Refused fields") == rows("", REFUSED)


def test_what_messages_parts_and_tools_may_carry_stands_there() -> None:
    assert section("Messages, content parts, tools") == (
        {"message": named(MESSAGE_FIELDS)}
        | rows("part ", {kind: named(fields) for kind, fields in PARTS.items()})
        | rows("tool ", {kind: named(fields) for kind, fields in TOOLS.items()})
        | rows("message ", MESSAGE_REFUSED)
        | rows("part ", PARTS_REFUSED)
        | rows("field ", PART_FIELDS_REFUSED, " of a part")
    )
