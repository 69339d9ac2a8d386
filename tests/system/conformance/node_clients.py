"""The clients from npm: run as programs of their own, with base URL and key in their environment."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "node"
LOCK = FOLDER / "package-lock.json"
# The lock that was installed.
INSTALLED = FOLDER / "node_modules" / "lock.json"
OLDEST_NODE = 20


def why_left_out() -> str | None:
    """What is missing for the JavaScript clients; None where nothing is."""
    node = shutil.which("node")
    if node is None:
        return "the JavaScript clients are left out: there is no node"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    number = re.match(r"v(\d+)\.", version)
    if number is None or int(number[1]) < OLDEST_NODE:
        return f"the JavaScript clients are left out: they need Node {OLDEST_NODE} or newer, and this is {version or 'broken'}"
    if not INSTALLED.is_file() or INSTALLED.read_bytes() != LOCK.read_bytes():
        return "the JavaScript clients are left out: `make clients` installs them, which needs npm"
    return None


def perform(program: str, *deeds: str, base_url: str, key: str) -> dict[str, Any]:
    """What each deed came to: {"result": ...} or {"error": {"name", "message", "status"}}."""
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR"}}
    done = subprocess.run(
        ["node", program, *deeds],
        cwd=FOLDER,
        env=environment | {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {each.pop("deed"): each for each in told}
