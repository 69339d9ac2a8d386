"""What checkov finds in templates, and what of it stays: skips.yaml, each with its reason."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from infra.build import ROOT
from infra.checkov.translation import translated

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
SKIPS = Path(__file__).with_name("skips.yaml")
# Nothing listens there: what checkov would ask of the network (newer versions, other people's rules) fails at once.
NOWHERE = "http://127.0.0.1:9"
FLAGS = [
    "--framework",
    "cloudformation",
    "--skip-download",
    "--skip-results-upload",
    "--quiet",
    "--compact",
    "--output",
    "json",
]
FOUND, NOTHING_FOUND = 1, 0


class ScanFailed(Exception):
    """checkov did not say what it found."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`resource`: its type and name, such as AWS::S3::Bucket.UnwrittenSpans."""

    resource: str
    check: str
    title: str

    def __str__(self) -> str:
        return f"{self.check} {self.resource}: {self.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """`resources`: names from the template, or patterns of type and name."""

    check: str
    resources: Sequence[str]
    reason: str

    def __post_init__(self) -> None:
        if not (self.check and self.resources and self.reason.strip()):
            raise ValueError(f"a skip has a check, resources and a reason: {self}")

    def takes(self, finding: Finding) -> bool:
        return finding.check == self.check and any(_is_named(finding.resource, name) for name in self.resources)


def _is_named(resource: str, name: str) -> bool:
    return fnmatchcase(resource, name) or resource.rpartition(".")[2] == name


def skips() -> list[Skip]:
    return [Skip(**each) for each in yaml.safe_load(SKIPS.read_text(encoding="utf-8"))]


def faults(findings: Iterable[Finding], known: Sequence[Skip]) -> list[str]:
    """Findings that nobody gave a reason for, and reasons for what is found no more."""
    found = sorted(findings)
    new = [str(finding) for finding in found if not any(skip.takes(finding) for skip in known)]
    stale = [
        f"{skip.check} is found no more at {name}: take it out of {SKIPS.name}"
        for skip in known
        for name in skip.resources
        if not any(finding.check == skip.check and _is_named(finding.resource, name) for finding in found)
    ]
    return new + stale


def findings_in(templates: Sequence[Path]) -> set[Finding]:
    """Raises ScanFailed."""
    with TemporaryDirectory() as folder:
        files = []
        for number, template in enumerate(templates):
            # The name of the template does not matter, and two may have the same.
            file = Path(folder) / f"{number}.json"
            file.write_text(json.dumps(translated(template), default=str), encoding="utf-8")
            files += ["--file", str(file)]
        done = subprocess.run(
            [str(CHECKOV), *FLAGS, *files],
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode not in (NOTHING_FOUND, FOUND):
        raise ScanFailed(f"checkov ended with {done.returncode}: {done.stderr[-2000:]}")
    return read_report(done.stdout)


def read_report(text: str) -> set[Finding]:
    """Raises ScanFailed where a template was not read: checkov itself passes over what it cannot parse."""
    try:
        report = json.loads(text)
        summary, failed = report["summary"], report["results"]["failed_checks"]
        if summary["parsing_errors"] or not summary["resource_count"]:
            raise ScanFailed(f"checkov could not read all templates: {summary}")
        return {Finding(each["resource"], each["check_id"], each["check_name"]) for each in failed}
    except (ValueError, KeyError, TypeError) as error:
        raise ScanFailed(f"checkov's report could not be read: {text[:500]}") from error


def _environment(folder: str) -> Mapping[str, str]:
    """Nothing of the person's: no key for anybody's platform, no cache outside the folder."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    return {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "BC_SKIP_MAPPING": "TRUE", **proxies}
