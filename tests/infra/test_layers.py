"""What a layer carries: above all, bytecode that the function's Python takes without looking at the source."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.build import Target, compiler_of, version_of
from tests.infra.template import ROOT

OWN = f"python{sys.version_info.major}.{sys.version_info.minor}"
# PEP 552: the flags of a file that is validated by no time, and by no hash either.
UNCHECKED_HASH = 0b01


def shared_layer(folder: Path, *, runtime: str, compiler: str) -> list[Path]:
    """Built as SAM builds it: the sources of its modules."""
    subprocess.run(
        ["make", "-f", str(ROOT / "layers" / "Makefile"), "build-SharedLayer"],
        cwd=ROOT / "layers" / "shared",
        env={
            **os.environ,
            "ARTIFACTS_DIR": str(folder),
            "LAYER_PYTHON": sys.executable,
            "LAYER_COMPILER": compiler,
            "LAYER_RUNTIME": runtime,
        },
        check=True,
        capture_output=True,
    )
    return sorted((folder / "python").rglob("*.py"))


def bytecode_of(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def test_each_module_of_a_layer_has_bytecode_that_its_python_takes_unchecked(tmp_path: Path) -> None:
    sources = shared_layer(tmp_path, runtime=OWN, compiler=sys.executable)

    assert len(sources) > 150
    for source in sources:
        head = bytecode_of(source).read_bytes()[:8]
        assert head[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(head[4:], "little") == UNCHECKED_HASH


def test_a_module_is_not_compiled_again_where_the_zip_lost_its_time(tmp_path: Path) -> None:
    sources = shared_layer(tmp_path, runtime=OWN, compiler=sys.executable)
    for source in sources:
        os.utime(source, (0, 0))

    told = subprocess.run(
        [sys.executable, "-B", "-v", "-c", "import tollgate.domain.price"],
        env={"PYTHONPATH": str(tmp_path / "python"), "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    ).stderr

    assert f"matches {tmp_path / 'python' / 'tollgate' / 'domain' / 'price.py'}" in told
    assert re.findall(r"code object from .*\.py'?$", told, re.MULTILINE) == [], "compiled from source"


def test_bytecode_of_another_version_is_never_carried(tmp_path: Path) -> None:
    sources = shared_layer(tmp_path, runtime="python3.99", compiler=sys.executable)

    assert sources
    assert list(tmp_path.rglob("*.pyc")) == []


def test_without_a_compiler_a_layer_is_built_all_the_same(tmp_path: Path) -> None:
    assert shared_layer(tmp_path, runtime="python3.99", compiler="")


def test_the_compiler_is_the_target_s_own_version_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def target(runtime: str) -> Target:
        return Target(runtime=runtime, architecture="arm64", directory=tmp_path)

    shim = tmp_path / "python3.98"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    other = tmp_path / "python3.97"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert compiler_of(target(OWN)) == sys.executable
    assert compiler_of(target("python3.99")) is None
    assert compiler_of(target("python3.98")) is None, "a version manager's shim, which has no such version"
    assert compiler_of(target("python3.97")) is None, "a name that promises another version"
    assert version_of(str(shim)) is None
