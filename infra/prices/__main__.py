"""Writes data/prices.json from its sources; `--check` only says whether it is what they give, and whether they agree."""

import sys

from infra.build import ROOT
from infra.prices.comparison import faults
from infra.prices.price_list import price_list

FILE = ROOT / "layers" / "shared" / "tollgate" / "data" / "prices.json"


def main(arguments: list[str]) -> int:
    text = price_list()
    found = faults()
    if arguments == ["--check"]:
        if text != FILE.read_text(encoding="utf-8"):
            found.append("data/prices.json is not what its sources give: run `make prices` and look at the difference")
    else:
        FILE.write_text(text, encoding="utf-8")
        print(f"{FILE.relative_to(ROOT)}: {len(text)} bytes")
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
