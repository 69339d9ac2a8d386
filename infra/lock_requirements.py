"""Compiles requirements/*.txt and the layers' own lists from the groups in pyproject.toml. Run by `make lock`, which brings uv."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEV = ROOT / "requirements" / "dev.txt"
PRICES = ROOT / "requirements" / "prices.txt"
CHECKOV = ROOT / "requirements" / "checkov.txt"
LAYERS = ROOT / "layers" / "dependencies"


def main() -> None:
    compile_group("dev", DEV, upgrade="--upgrade" in sys.argv)
    compile_group("prices", PRICES, alone=True, upgrade="--upgrade" in sys.argv)
    compile_group("checkov", CHECKOV, upgrade="--upgrade" in sys.argv)
    base = LAYERS / "base" / "requirements.txt"
    compile_group("base", base, constraint=DEV)
    for group in ("openai", "postgres", "http"):
        # Every function has the base layer, so no other layer brings again what is in it.
        compile_group(group, LAYERS / group / "requirements.txt", constraint=DEV, without=locked_names(base))


def compile_group(
    group: str,
    target: Path,
    *,
    constraint: Path | None = None,
    without: frozenset[str] = frozenset(),
    alone: bool = False,
    upgrade: bool = False,
) -> None:
    command = ["uv", "pip", "compile", "--quiet", "--group", group, "--universal", "--python-version", "3.11"]
    # No header and no index lines: the same text on every machine and from every mirror.
    command += ["--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--output-file", str(target.relative_to(ROOT))]
    command += ["--constraint", str(constraint.relative_to(ROOT))] if constraint else []
    command += ["--no-deps"] if alone else []
    command += ["--upgrade"] if upgrade else []
    command += [word for name in sorted(without) for word in ("--no-emit-package", name)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def locked_names(lock: Path) -> frozenset[str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("==")[0] for line in lines if "==" in line and not line.startswith((" ", "#")))


if __name__ == "__main__":
    main()
