"""What the system tests do with a deployed stack, in their own words."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
import psutil
import psycopg
from openai import OpenAI

NANO = 10**9
T = TypeVar("T")
# Dollars for a million tokens, from OpenAI's pages, by hand: (input, cached input, output).
PUBLISHED = {
    "gpt-4o": ("2.50", "1.25", "10"),
    "gpt-4o-mini": ("0.15", "0.075", "0.60"),
    "gpt-6-luna": ("0.10", "0.01", "0.50"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """`closing` ends what the tests opened on it: connections of clients, above all."""

    root: Path
    state: Path
    environment: dict[str, str]
    closing: ExitStack

    def command(self, *words: str, seconds: float = 60) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "infra.local", *words],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return facts

    @property
    def api_url(self) -> str:
        return str(self.facts["apiUrl"])

    @property
    def admin_key(self) -> str:
        return str(self.facts["adminKey"])

    @property
    def openai_base_url(self) -> str:
        return str(self.facts["openaiBaseUrl"])

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.facts["awsEndpointUrl"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.facts["databaseUrl"], autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def workers(self, function: str) -> list[psutil.Process]:
        """The processes in which a function runs on this stack."""
        mine = str(self.state)
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if function in words and mine in words:
                found.append(process)
        return found


class Tollgate:
    """The API by curl's means: no retries, answers as they come."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.key = key
        # Making a client takes 0.1 s of CPU for certificates that loopback has no use for.
        client = httpx.Client(
            base_url=stack.api_url, headers={"Authorization": f"Bearer {key}"}, timeout=120, verify=False
        )
        self._http = stack.closing.enter_context(client)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self._http.get(path, params=parameters)

    def put(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self._http.put(path, json=body, headers=headers)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self._http.post(path, json=body, headers=headers)

    def delete(self, path: str) -> httpx.Response:
        return self._http.delete(path)

    def send(self, method: str, path: str, content: bytes) -> httpx.Response:
        return self._http.request(method, path, content=content, headers={"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class Tenant:
    tenant_id: str
    api: Tollgate
    stack: Stack

    def sdk(self, **options: Any) -> OpenAI:
        client = OpenAI(base_url=self.stack.api_url + "/v1", api_key=self.api.key, timeout=120, **options)
        return self.stack.closing.enter_context(client)

    def budget(self) -> dict[str, Any]:
        answer = self.api.get(f"/api/cost/budget/{self.tenant_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def chat(self, text: str, **more: Any) -> httpx.Response:
        return self.api.post(
            "/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}
        )

    def spans(self) -> list[tuple[Any, ...]]:
        """(seq, outcome, cost) of all that arrived, in order."""
        return self.stack.rows(
            "SELECT seq, outcome, cost_nanousd FROM spans WHERE tenant_id = %s ORDER BY month, epoch, seq",
            self.tenant_id,
        )


@dataclass(frozen=True)
class Breakers:
    admin: Tollgate

    def listed(self) -> list[dict[str, Any]]:
        answer = self.admin.get("/api/breakers")
        assert answer.status_code == 200, answer.text
        listed: list[dict[str, Any]] = answer.json()["breakers"]
        return listed

    def of(self, model: str) -> dict[str, Any]:
        found = [breaker for breaker in self.listed() if breaker.get("model") == model]
        return found[0] if found else {"state": "closed", "failures": 0}

    def reset(self, model: str | None = None) -> None:
        """Closes that of a model, or all."""
        for breaker in self.listed():
            if model in (None, breaker.get("model")):
                assert self.admin.delete(f"/api/breakers/{breaker['id']}").status_code == 204


def new_tenant(admin: Tollgate, stack: Stack, **budget: object) -> Tenant:
    tenant_id = f"shop-{secrets.token_hex(4)}"
    made = admin.put(f"/api/cost/budget/{tenant_id}", budget)
    assert made.status_code == 201, made.text
    key = admin.post("/api/keys", {"tenantId": tenant_id, "role": "tenant", "name": "tests"})
    assert key.status_code == 201, key.text
    return Tenant(tenant_id=tenant_id, api=Tollgate(stack, key.json()["key"]), stack=stack)


def eventually(ask: Callable[[], T], *, until: Callable[[T], bool], seconds: float) -> T:
    """Asks until the answer is right, or returns the last one for the test to judge."""
    ends = time.monotonic() + seconds
    while True:
        answer = ask()
        if until(answer) or time.monotonic() > ends:
            return answer
        time.sleep(0.5)


def nano(usd: float) -> int:
    return round(usd * NANO)


def published_cost(served: list[dict[str, Any]]) -> int:
    """Nano-dollars that OpenAI would bill for what it says it served, by its published prices; rounded up call by call."""
    return sum(_cost(entry) for entry in served)


def _cost(entry: dict[str, Any]) -> int:
    prices = [Fraction(price) * 1000 for price in PUBLISHED[entry["model"]]]
    tokens = entry["tokens"]
    assert tokens["cacheWrite"] == 0, "no prompt of these tests is long enough to be written to a cache"
    cost = tokens["uncached"] * prices[0] + tokens["cached"] * prices[1] + tokens["output"] * prices[2]
    return -(-cost.numerator // cost.denominator)
