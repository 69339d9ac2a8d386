"""python -m infra.openapi [--check]: writes the API's document and its page, or says that they are not what the handlers make."""

import argparse
import json
import sys
from pathlib import Path

from infra.build import ROOT
from infra.openapi.document import document
from infra.openapi.page import page

DATA = ROOT / "layers" / "shared" / "tollgate" / "data"


def files() -> dict[Path, str]:
    made = document()
    return {
        DATA / "openapi.json": json.dumps(made, indent=1, ensure_ascii=False) + "\n",
        DATA / "openapi.html": page(made),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for file, text in files().items():
        if not check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            sys.exit(
                f"{file.relative_to(ROOT)} is not what the handlers make of it: run make openapi, and look at the difference."
            )


if __name__ == "__main__":
    main()
