"""Runs `sam build`, and leaves it out where nothing that goes into it has changed."""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

ROOT = Path(__file__).resolve().parent.parent
SAM = str(Path(sys.executable).parent / "sam")
# The first has the others as stacks of its own, which SAM packages with it.
TEMPLATES = ("template.yaml", "infra/state.yaml", "infra/network.yaml")
INPUTS = (*TEMPLATES, "functions", "layers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a build is for. `native` stands for the interpreter that runs this, whatever machine that is."""

    runtime: str
    architecture: str
    directory: Path

    @classmethod
    def native(cls, directory: Path) -> Self:
        runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return cls(runtime=runtime, architecture="native", directory=directory)

    @property
    def parameters(self) -> dict[str, str]:
        # A function that runs on this machine's interpreter is never asked for its architecture; the template wants one.
        architecture = "x86_64" if self.architecture == "native" else self.architecture
        return {"Runtime": self.runtime, "Architecture": architecture}

    @property
    def template(self) -> Path:
        return self.directory / "build" / "template.yaml"


def target_of(runtime: str, architecture: str) -> Target:
    """For AWS."""
    directory = ROOT / ".aws-sam" / f"{runtime}-{architecture}"
    return Target(runtime=runtime, architecture=architecture, directory=directory)


def build(target: Target, *, output: IO[str] | None = None) -> str:
    """Returns the digest of all that went in. Raises CalledProcessError; SAM says on `output` why."""
    compiler = compiler_of(target)
    if compiler is None:
        print(
            f"There is no {target.runtime} here to compile the layers with: they carry no bytecode, and each cold start "
            "compiles what it imports (infra/runbooks/deploy.md).",
            file=sys.stderr,
        )
    digest = digest_of_inputs(target, compiler)
    done = target.directory / "digest"
    if target.template.exists() and done.exists() and done.read_text(encoding="utf-8") == digest:
        return digest
    done.unlink(missing_ok=True)
    target.directory.mkdir(parents=True, exist_ok=True)
    run_aside(sam_build_command(target, compiler), environment=build_environment(target, compiler), output=output)
    done.write_text(digest, encoding="utf-8")
    return digest


def validate(target: Target, *, output: IO[str] | None = None) -> None:
    """Asks SAM's own linter, before a build that takes minutes. Raises CalledProcessError."""
    target.directory.mkdir(parents=True, exist_ok=True)
    for template in TEMPLATES:
        command = [SAM, "validate", "--lint", "--template-file", str(ROOT / template)]
        run_aside(command, environment=build_environment(target, None), output=output)


@contextmanager
def exclusive(target: Target) -> Iterator[None]:
    """Two stacks of one working tree share its builds, one at a time."""
    target.directory.mkdir(parents=True, exist_ok=True)
    with (target.directory / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compiler_of(target: Target) -> str | None:
    """The Python whose bytecode the target's takes: it is the same for all patches of a version. A name on PATH alone proves nothing."""
    for candidate in (sys.executable, shutil.which(target.runtime)):
        if candidate is not None and version_of(candidate) == target.runtime:
            return candidate
    return None


def version_of(python: str) -> str | None:
    told = subprocess.run(
        [python, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() if told.returncode == 0 else None


def digest_of_inputs(target: Target, compiler: str | None) -> str:
    digest = hashlib.sha256(f"{target.runtime} {target.architecture} {sys.version} {compiler is None}".encode())
    for path in sorted(input_files()):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def input_files() -> Iterator[Path]:
    for name in INPUTS:
        top = ROOT / name
        candidates = [top] if top.is_file() else top.rglob("*")
        yield from (path for path in candidates if path.is_file() and "__pycache__" not in path.parts)


def sam_build_command(target: Target, compiler: str | None) -> list[str]:
    overrides = [f"{name}={value}" for name, value in target.parameters.items()]
    # SAM's own cache looks at a layer's folder, not at layers/Makefile and at who compiles: it is kept apart for each of these.
    made_by = (ROOT / "layers" / "Makefile").read_bytes() + str(compiler is None).encode()
    cache = hashlib.sha256(made_by).hexdigest()[:12]
    command = [SAM, "build", "--template-file", str(ROOT / "template.yaml"), "--cached", "--parallel"]
    command += ["--build-dir", str(target.directory / "build"), "--cache-dir", str(target.directory / f"cache-{cache}")]
    return [*command, "--parameter-overrides", *overrides]


def build_environment(target: Target, compiler: str | None) -> dict[str, str]:
    layer = {
        "LAYER_PYTHON": sys.executable,
        "LAYER_COMPILER": compiler or "",
        "LAYER_RUNTIME": target.runtime,
        "LAYER_ARCHITECTURE": target.architecture,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # The region is asked for and not used.
    return {**inherited, "AWS_DEFAULT_REGION": "us-east-1", **layer, **quiet_sam(target.directory)}


def quiet_sam(directory: Path) -> dict[str, str]:
    """SAM's own settings: no telemetry, and no look-up of its newest version, which is made where the last was long ago."""
    settings = directory / "sam"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "metadata.json").write_text(
        '{"lastVersionCheck": 99999999999.0, "telemetryEnabled": false}', encoding="utf-8"
    )
    return {"__SAM_CLI_APP_DIR": str(settings), "SAM_CLI_TELEMETRY": "0"}


def run_aside(command: list[str], *, environment: dict[str, str], output: IO[str] | None = None) -> None:
    """Runs a program that starts others, so that an interruption ends all of them."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, 9)
            raise
    if code:
        raise subprocess.CalledProcessError(code, command)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.build", description=__doc__)
    parser.add_argument("--runtime", default="python3.13")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], default="arm64")
    chosen = parser.parse_args()
    target = target_of(chosen.runtime, chosen.architecture)
    with exclusive(target):
        validate(target)
        build(target)
    print(target.template.relative_to(ROOT))


if __name__ == "__main__":
    main()
