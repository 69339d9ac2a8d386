"""python -m infra.checkov TEMPLATE...: what checkov finds in them, but for what skips.yaml has a reason for.

Left out where nothing has changed since it found nothing: it takes a quarter of a minute.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.build import ROOT
from infra.checkov.findings import CHECKOV, ScanFailed, faults, findings_in, skips

CLEAN = CHECKOV.parents[1] / "clean.txt"
LOCKS = (ROOT / "requirements" / "checkov.txt", ROOT / "requirements" / "dev.txt")


def main(arguments: Sequence[str]) -> int:
    templates = [Path(each).resolve() for each in arguments]
    if not templates:
        print("usage: python -m infra.checkov TEMPLATE...", file=sys.stderr)
        return 2
    digest = _digest(templates)
    if CLEAN.exists() and CLEAN.read_text(encoding="utf-8") == digest:
        return 0
    try:
        found = faults(findings_in(templates), skips())
    except ScanFailed as error:
        found = [str(error)]
    if found:
        print("\n".join(found), file=sys.stderr)
        print(f"checkov: {len(found)} findings without a reason (infra/checkov/skips.yaml)", file=sys.stderr)
        return 1
    CLEAN.write_text(digest, encoding="utf-8")
    return 0


def _digest(templates: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for file in [*templates, *LOCKS, *sorted(Path(__file__).parent.glob("*.*"))]:
        whole.update(f"{file}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
