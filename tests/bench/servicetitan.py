"""How fast the local ServiceTitan makes its business, and serves its pages: over HTTP, by the server's own CPU (Linux)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlencode

from infra.local.servicetitan_server.access import APP_KEY
from infra.local.servicetitan_server.resources import RESOURCES
from infra.local.servicetitan_server.shops import SHOPS
from tests.fakes.local_dynamodb import free_port

ROOT = Path(__file__).parents[2]
TENANTS = (1001, 1002, 1003)
# A year of these three shops at this scale is about fifty thousand jobs.
MONTHS, SCALE = 12, 4.7
PAGES = (500, 5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    pages: int
    rows: int
    seconds: float
    cpu: float


def main() -> None:
    print(f"| rows in a page | made: jobs, rows, CPU s, s | {' | '.join(exports())} |")
    print(f"|---|---|{'---|' * len(exports())}")
    for rows_max in PAGES:
        with serving(rows_max) as server:
            made = server.make()
            cells = [server.read_all(path) for path in exports().values()]
        print(f"| {rows_max} | {made} | {' | '.join(_cell(cell) for cell in cells)} |")
    print("\nEach feed: pages a second, CPU ms a page, over the whole feeds of three tenants.")


def _cell(reading: Reading) -> str:
    return f"{reading.pages / reading.seconds:.0f}/s, {1000 * reading.cpu / reading.pages:.1f} ms ({reading.rows} rows)"


def exports() -> dict[str, str]:
    return {
        resource.feed: f"/{module}/v{version}/tenant/%d/{path}?active=Any"
        for (module, version, path), resource in RESOURCES.items()
        if resource.is_export and resource.feed in ("jobs", "calls", "appointment-assignments", "invoices")
    }


class Server:
    def __init__(self, pid: int, port: int, auth_port: int) -> None:
        self._pid = pid
        self._api = HTTPConnection("127.0.0.1", port, timeout=300)
        self._auth_port = auth_port

    def is_up(self) -> bool:
        try:
            self._api.request("GET", "/_local/health")
            return self._api.getresponse().read() == b'{"status":"ok"}'
        except OSError:
            self._api.close()
            return False

    def make(self) -> str:
        """Has every tenant's days made."""
        cpu, since = self._cpu(), time.perf_counter()
        tenants = json.loads(self._get("/_local/tenants", ""))["tenants"]
        rows = [tenant["rows"] for tenant in tenants if tenant["tenantId"] in TENANTS]
        numbers = f"{sum(row['jobs'] for row in rows)}, {sum(sum(row.values()) for row in rows)}"
        return f"{numbers}, {self._cpu() - cpu:.1f}, {time.perf_counter() - since:.1f}"

    def read_all(self, path: str) -> Reading:
        pages, rows = 0, 0
        tokens = {tenant: self._token(tenant) for tenant in TENANTS}
        cpu, since = self._cpu(), time.perf_counter()
        for tenant, token in tokens.items():
            start, has_more = "", True
            while has_more:
                body = self._get(f"{path % tenant}&from={quote(start)}", token)
                # The head alone, so that what is measured is the server and not this reader.
                head = json.loads(body[: body.index(b',"data":')] + b"}")
                start, has_more = head["continueFrom"], head["hasMore"]
                pages, rows = pages + 1, rows + body.count(b'"modifiedOn":')
        return Reading(pages=pages, rows=rows, seconds=time.perf_counter() - since, cpu=self._cpu() - cpu)

    def _get(self, path: str, token: str) -> bytes:
        while True:
            self._api.request("GET", path, headers={"Authorization": f"Bearer {token}", "ST-App-Key": APP_KEY})
            answer = self._api.getresponse()
            body = answer.read()
            if answer.status == 200:
                return body
            assert answer.status == 429, body
            time.sleep(0.2)

    def _token(self, tenant: int) -> str:
        shop = SHOPS[tenant]
        form = {
            "grant_type": "client_credentials",
            "client_id": shop.client_id,
            "client_secret": shop.client_secret,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        auth = HTTPConnection("127.0.0.1", self._auth_port, timeout=30)
        auth.request("POST", "/connect/token", body=urlencode(form), headers=headers)
        with closing(auth):
            return str(json.loads(auth.getresponse().read())["access_token"])

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(rows_max: int) -> Iterator[Server]:
    port, auth_port = free_port(), free_port()
    size = {"SERVICETITAN_MONTHS": MONTHS, "SERVICETITAN_SCALE": SCALE, "SERVICETITAN_PAGE_ROWS": rows_max}
    names = {"SERVICETITAN_PORT": port, "SERVICETITAN_AUTH_PORT": auth_port, **size}
    environment = os.environ | {name: str(value) for name, value in names.items()}
    command = [sys.executable, "-m", "infra.local.servicetitan_server"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        server = Server(process.pid, port, auth_port)
        while not server.is_up():
            assert process.poll() is None, "the local ServiceTitan has ended"
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(20)
