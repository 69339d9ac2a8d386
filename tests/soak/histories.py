"""Thousands of histories of the ledger's state machine, on the reference ledger and on DynamoDB's, and of every other law.

The same tests as in `make test`, by Hypothesis' `soak` profile: as many examples as an hour allows, none of them derandomized.
"""

import os
import subprocess
import sys


def main(words: list[str]) -> int:
    """`words`: files and options of pytest in place of all of tests/property."""
    environment = os.environ | {"HYPOTHESIS_PROFILE": "soak"}
    command = [sys.executable, "-m", "pytest", "--timeout=7200", "-q", *(words or ["tests/property"])]
    return subprocess.run(command, env=environment, check=False).returncode
