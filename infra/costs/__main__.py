"""Prints the tables of infra/costs/README.md; `--write` puts them there, between its two marks."""

import sys
from pathlib import Path

from infra.costs.report import report

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- made by python -m infra.costs -->", "<!-- made until here -->"


def tables_of(page: str) -> str:
    before, _, rest = page.partition(f"{BEGIN}\n")
    tables, found, _ = rest.partition(f"\n{END}")
    if not before or not found:
        raise ValueError("infra/costs/README.md lacks a mark, so nothing says where its tables stand")
    return tables


def main(arguments: list[str]) -> int:
    text = report()
    if arguments == ["--write"]:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page.replace(tables_of(page), text), encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
