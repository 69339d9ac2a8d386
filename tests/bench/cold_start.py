"""Cold starts of functions as they are deployed: their layers' packages, one fresh interpreter for each, services beside it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench.aws_environment import ENVIRONMENT
from tests.bench.busy_page import page_with
from tests.bench.busy_shop import TENANT_ID, a_busy_shop
from tests.bench.first_events import KEY_ID, SECRET, FirstEvent, first_events
from tests.bench.layer_site import ROOT, lay_out
from tests.bench.stub_services import answers, stub_services
from tests.infra.template import functions, handler, layers
from tollgate.usecases.manage_keys import hash_secret

PROBE = Path(__file__).with_name("cold_probe.py")
KEY = {
    "pk": {"S": KEY_ID},
    "secret_hash": {"S": hash_secret(SECRET)},
    "role": {"S": "tenant"},
    "tenant_id": {"S": TENANT_ID},
    "name": {"S": "first"},
    "created_at": {"S": "2026-11-01T00:00:00+00:00"},
}
VARIABLES = {
    "LEDGER_TABLE": "ledger",
    "KEYS_TABLE": "keys",
    "IDEMPOTENCY_TABLE": "idempotency",
    "OPENAI_API_KEY_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:openai",
    "DATABASE_URL": "postgresql://tollgate@localhost:1/tollgate",
    "POISON_BUCKET": "poison",
    "STORE_JOBS_FUNCTION": "store-jobs",
    "SERVICETITAN_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:servicetitan",
    "SERVICETITAN_TENANT_ID": "1",
    "POWERTOOLS_SERVICE_NAME": "tollgate",
    "POWERTOOLS_METRICS_NAMESPACE": "Tollgate",
}
IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds of CPU to the interpreter's own readiness, for the handler's imports, and to the first answer; wall seconds of the last
    two; the most memory that it took. `status`: of the answer, where it is a route's."""

    interpreter_s: float
    imported_s: float
    answered_s: float
    wall_s: float
    peak_bytes: int
    status: int | None

    @property
    def cpu_s(self) -> float:
        return self.imported_s + self.answered_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`own_us`: without what it imports in turn, microseconds of wall time."""

    name: str
    own_us: int
    all_us: int


class Colds:
    """`sites`: of the layers. Bytecode is kept beside them."""

    def __init__(self, sites: Mapping[str, Path], url: str, first: Mapping[str, FirstEvent]) -> None:
        self.sites = sites
        self._bytecode = sites["SharedLayer"].parent / "bytecode"
        self._url = url
        self._first = first

    def starts(self, function: str, *, times: int, compiled: bool) -> list[Start]:
        self._prepare(function, compiled=compiled)
        return [self._start(function, compiled=compiled) for _ in range(times)]

    def imports(self, function: str) -> list[Imported]:
        """Of a compiled function, its first event's included."""
        self._prepare(function, compiled=True)
        told = self._run(function, "-X", "importtime", compiled=True).stderr
        return [Imported(name=name, own_us=int(own), all_us=int(whole)) for own, whole, _, name in IMPORT.findall(told)]

    def _prepare(self, function: str, *, compiled: bool) -> None:
        """The first start writes what bytecode there is to be; the standard library's is always there, as in Lambda's image."""
        self._run(function, compiled=True, writes=True)
        if not compiled:
            for path in (*self.sites.values(), ROOT):
                shutil.rmtree(self._bytecode / path.relative_to("/"), ignore_errors=True)

    def _start(self, function: str, *, compiled: bool) -> Start:
        """Raises AssertionError where the function did not answer as it should."""
        start = Start(**json.loads(self._run(function, compiled=compiled).stdout.splitlines()[-1]))
        assert start.status == self._first[function].status, f"{function} answered {start.status}"
        return start

    def _run(
        self, function: str, *options: str, compiled: bool, writes: bool = False
    ) -> subprocess.CompletedProcess[str]:
        first = self._first[function]
        path = [self.sites[name] for name in layers_of(function)]
        environment = (
            ENVIRONMENT
            | VARIABLES
            | {
                "AWS_ENDPOINT_URL": self._url,
                "OPENAI_BASE_URL": f"{self._url}/v1",
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "PYTHONPYCACHEPREFIX": str(self._bytecode),
                "TIKTOKEN_CACHE_DIR": str(self.sites["EncodingsLayer"] / "tollgate_encodings"),
            }
        )
        if not writes:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        told = subprocess.run(
            [
                sys.executable,
                "-S",
                "-s",
                "-P",
                *options,
                PROBE,
                ROOT / "functions" / function,
                json.dumps(asdict(first)),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, (told.stdout + told.stderr)[-2_000:]
        return told


def function_names() -> list[str]:
    """By folder, as the template has them."""
    return [str(handler(each).parent.relative_to(ROOT / "functions")) for each in functions().values()]


def layers_of(function: str) -> list[str]:
    return next(layers(each) for each in functions().values() if handler(each).parent == ROOT / "functions" / function)


@contextmanager
def laid_out() -> Iterator[dict[str, Path]]:
    with TemporaryDirectory(prefix="tollgate-bench-") as folder:
        yield lay_out(Path(folder))


@contextmanager
def colds() -> Iterator[Colds]:
    settings = a_busy_shop(agents=5)
    page = page_with(10, settings, day=12, days_kept=3)
    with laid_out() as sites, stub_services(answers(settings, page, KEY)) as url:
        yield Colds(sites, url, first_events(settings, page))


def middle(starts: list[Start]) -> Start:
    """The median of each figure."""
    figures = {name: median(getattr(each, name) for each in starts) for name in Start.__slots__ if name != "status"}
    return Start(**figures, status=starts[0].status)
