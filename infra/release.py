"""python -m infra.release [Name=value ...]: the template's parameter Release for `make deploy`.

Functions run as published versions, and each deployment that changes code or a parameter must publish new ones. What was built has a
digest; parameters that are not given keep their values, so that the text of those that are given says what changes. The same build with
the same words is the same release, and deploying it again changes nothing.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence

from infra.build import target_of

LENGTH = 16


def release_of(built: str, given: Sequence[str]) -> str:
    """`built`: the digest of what went into the build; `given`: `Name=value` each."""
    return hashlib.sha256("\0".join([built, *given]).encode()).hexdigest()[:LENGTH]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.release", description=__doc__)
    parser.add_argument("--runtime", required=True)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("given", nargs="*", metavar="Name=value")
    chosen = parser.parse_args()
    built = target_of(chosen.runtime, chosen.architecture).directory / "digest"
    if not built.exists():
        print(f"Nothing is built for {chosen.runtime} on {chosen.architecture}: make build", file=sys.stderr)
        return 1
    print(release_of(built.read_text(encoding="utf-8"), chosen.given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
