"""What is not ours: locked to the byte, installed as it is locked, under licences that we can live with.

Whether a version has a known hole no test here says: that takes a list which is new every day (infra/security.md).
"""

import base64
import hashlib
import lzma
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.infra.template import ROOT

ENCODINGS = ROOT / "layers" / "encodings"
LAYER_LOCKS = sorted((ROOT / "layers" / "dependencies").glob("*/requirements.txt"))
LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), *LAYER_LOCKS]
# In what is deployed. LGPL: psycopg is a library of its own in a layer of its own, which whoever has the stack can replace.
LICENCES = {"MIT", "MIT-0", "Apache-2.0", "BSD-3-Clause", "BSD", "PSF-2.0", "MPL-2.0", "CNRI-Python", "LGPL-3.0-only"}
LGPL = {"psycopg", "psycopg-binary"}
SPELLINGS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


@dataclass(frozen=True, slots=True)
class Locked:
    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        [pin] = self.requirement.specifier
        return pin.version


@cache
def locked(lock: Path) -> list[Locked]:
    return list(read_lock(lock.read_text(encoding="utf-8")))


def read_lock(text: str) -> Iterator[Locked]:
    """Raises ValueError for a line that is neither a requirement nor a hash of it."""
    for line in re.sub(r" *\\\n +", " ", text).splitlines():
        if line.strip() and not line.startswith("#"):
            requirement, *hashes = line.split(" --hash=")
            yield Locked(Requirement(requirement.strip()), tuple(each.strip() for each in hashes))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock.parent.name}-{lock.stem}")
def test_every_line_of_a_lock_is_one_version_with_the_hashes_of_its_files(lock: Path) -> None:
    assert locked(lock)
    for each in locked(lock):
        assert each.requirement.url is None, each.requirement
        assert [pin.operator for pin in each.requirement.specifier] == ["=="], each.requirement
        assert "*" not in each.version
        assert each.hashes, each.requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in each.hashes)


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt",
        "-e .",
        "--index-url example",
        "git+ssh://example/x",
        "./local",
        "https://example/x.whl",
        "--find-links x",
    ],
)
def test_a_line_that_brings_something_else_is_seen(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        list(read_lock(f"six==1.17.0 --hash=sha256:{'0' * 64}\n{line}\n"))


@pytest.mark.parametrize("file", ["Makefile", "layers/Makefile"])
def test_nothing_is_installed_without_its_hash_and_nothing_is_run_to_install_it(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    commands = [line for line in text.splitlines() if "pip install" in line and "uv==" not in line]

    assert commands
    for command in commands:
        assert {"--no-deps", "--require-hashes", "--only-binary :all:"} <= {
            flag for flag in ("--no-deps", "--require-hashes", "--only-binary :all:") if flag in command
        }


def installed() -> Iterator[tuple[str, Locked, Distribution]]:
    for lock in LAYER_LOCKS:
        for each in locked(lock):
            if each.requirement.marker is None or each.requirement.marker.evaluate():
                yield lock.parent.name, each, distribution(each.requirement.name)


def test_what_the_tests_import_is_what_the_layers_lock_and_no_file_of_it_was_changed() -> None:
    """By the hashes that the wheels brought; pip has compared the wheels with the lock's."""
    files = 0
    for layer, each, found in installed():
        assert found.version == each.version, f"{layer}: {each.requirement.name}"
        for file in found.files or []:
            if file.hash is not None:
                files += 1
                assert file.hash.value == digest(Path(str(found.locate_file(file))).read_bytes()), (
                    f"{each.requirement.name}: {file}"
                )

    assert files > 1_000


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def test_every_licence_of_what_is_deployed_is_one_that_was_agreed_to() -> None:
    for _, each, found in installed():
        licences = licences_of(found)

        assert licences, each.requirement.name
        assert licences <= LICENCES, f"{each.requirement.name}: {licences}"
        assert ("LGPL-3.0-only" in licences) == (each.requirement.name in LGPL)


def licences_of(found: Distribution) -> set[str]:
    """An expression where there is one; else what the classifiers say, else the field's first line."""
    told = found.metadata
    if "License-Expression" in told:
        return set(re.split(r" (?:AND|OR) ", told["License-Expression"]))
    classified = [
        str(line).rpartition(" :: ")[2] for line in told.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    first_line = (told.get_all("License") or [""])[0].strip().partition("\n")[0].strip()
    return {SPELLINGS.get(name, name) for name in classified or [first_line]}


def test_no_file_that_nobody_can_read_is_committed_but_the_packed_encodings() -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    binary = {name for name in names if name and (ROOT / name).is_file() and is_binary((ROOT / name).read_bytes())}

    assert binary == {"layers/encodings/cl100k_base.xz", "layers/encodings/o200k_base.xz"}


def is_binary(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return b"\0" in content


def test_the_encodings_hold_what_their_read_me_promises() -> None:
    text = (ENCODINGS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.xz)` \| `([0-9a-f]{64})` \| `([0-9a-f]{40})` \|$", text, re.MULTILINE)

    assert {name for name, _, _ in rows} == {path.name for path in ENCODINGS.glob("*.xz")}
    for name, content_hash, address_hash in rows:
        address = f"https://openaipublic.blob.core.windows.net/encodings/{name.removesuffix('.xz')}.tiktoken"
        assert hashlib.sha256(lzma.decompress((ENCODINGS / name).read_bytes())).hexdigest() == content_hash
        assert hashlib.sha1(address.encode()).hexdigest() == address_hash


def test_the_one_layer_that_is_not_built_here_is_named_by_its_version() -> None:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")

    assert set(re.findall(r"(?::layer:\$\{Layer\}|LambdaAdapterLayer\w+:\d+)", template)) == {
        ":layer:${Layer}",
        "LambdaAdapterLayerArm64:26",
        "LambdaAdapterLayerX86:26",
    }
