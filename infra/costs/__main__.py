"""Prints the tables of infra/costs/README.md; `--write` puts them there, between its two marks."""

import sys
from pathlib import Path

from infra.costs.report import report

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- made by python -m infra.costs -->", "<!-- made until here -->"


def tables_of(page: str) -> str:
    return _parts(page)[1]


def with_tables(page: str, tables: str) -> str:
    before, _, after = _parts(page)
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def _parts(page: str) -> tuple[str, str, str]:
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError("infra/costs/README.md must have each of its two marks once: its tables stand between them")
    before, _, rest = page.partition(BEGIN)
    tables, _, after = rest.partition(END)
    return before, tables.strip("\n"), after


def main(arguments: list[str]) -> int:
    text = report()
    if arguments == ["--write"]:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
