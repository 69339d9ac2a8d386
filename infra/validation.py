"""python -m infra.validation TEMPLATE...: what SAM itself says of them, its linter included (`sam validate --lint`).

Left out where nothing has changed since it said nothing: it takes a quarter of a minute for each.
"""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.build import ROOT, SAM, quiet_sam

VALID = ROOT / ".aws-sam" / "validated.txt"
LOCK = ROOT / "requirements" / "dev.txt"


def main(arguments: Sequence[str]) -> int:
    templates = [ROOT / each for each in arguments]
    if not templates:
        print("usage: python -m infra.validation TEMPLATE...", file=sys.stderr)
        return 2
    digest = _digest(templates)
    if VALID.exists() and VALID.read_text(encoding="utf-8") == digest:
        return 0
    for template in templates:
        told = said_of(template)
        if told.returncode:
            print(f"{template.name}:\n{told.stdout}{told.stderr}", file=sys.stderr)
            return 1
    VALID.parent.mkdir(exist_ok=True)
    VALID.write_text(digest, encoding="utf-8")
    return 0


def said_of(template: Path) -> subprocess.CompletedProcess[str]:
    """The region is asked for and not used; no credentials are there to ask AWS with."""
    quiet = quiet_sam(ROOT / ".aws-sam")
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": str(Path(SAM).parent),
        "HOME": str(ROOT / ".aws-sam"),
    } | quiet
    return subprocess.run(
        [SAM, "validate", "--lint", "--template-file", str(template)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _digest(templates: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for file in [*templates, LOCK]:
        whole.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
