"""What a function finds on its path: the packages that its layers pin and nothing else, linked from this interpreter's own.

The tests' environment holds more, and botocore takes what it finds: with `awscrt` it signs otherwise, with `pyOpenSSL` it starts slower.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LAYERS = ROOT / "layers"
DEPENDENCIES = {"BaseLayer": "base", "OpenAiLayer": "openai", "PostgresLayer": "postgres", "HttpLayer": "http"}
# Whose data layers/Makefile cuts down.
CUT = ("boto3", "botocore")


def lay_out(folder: Path) -> dict[str, Path]:
    """Layer -> the folder that a function has of it on its path."""
    sites = {name: folder / name for name in (*DEPENDENCIES, "SharedLayer", "EncodingsLayer")}
    for name, group in DEPENDENCIES.items():
        sites[name].mkdir(parents=True)
        for requirement in pinned(group):
            _link(requirement, sites[name])
    sites["SharedLayer"].mkdir()
    (sites["SharedLayer"] / "tollgate").symlink_to(LAYERS / "shared" / "tollgate")
    sites["EncodingsLayer"].mkdir()
    subprocess.run(
        [sys.executable, "unpack.py", sites["EncodingsLayer"]],
        cwd=LAYERS / "encodings",
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return sites


def pinned(group: str) -> Iterator[Requirement]:
    """Those for this interpreter."""
    text = (LAYERS / "dependencies" / group / "requirements.txt").read_text(encoding="utf-8")
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement = Requirement(line.partition("--hash")[0].strip())
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def kept_services() -> frozenset[str]:
    found = re.search(r"^AWS_SERVICES := (.*)$", (LAYERS / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return frozenset(found[1].split())


def _link(requirement: Requirement, site: Path) -> None:
    found = distribution(requirement.name)
    assert requirement.specifier.contains(found.version), f"{requirement} is pinned, {found.version} is installed"
    for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        source = Path(str(found.locate_file(top))).resolve()
        if top in CUT:
            _link_cut(source, site / top)
        elif source.exists():
            (site / top).symlink_to(source)


def _link_cut(source: Path, target: Path) -> None:
    """Of the services only those that the layer keeps: looking for one reads the list of all."""
    (target / "data").mkdir(parents=True)
    for each in source.iterdir():
        if each.name not in ("data", "__pycache__", "examples"):
            (target / each.name).symlink_to(each)
    services = kept_services()
    for each in (source / "data").iterdir():
        if each.is_file() or each.name in services:
            (target / "data" / each.name).symlink_to(each)
