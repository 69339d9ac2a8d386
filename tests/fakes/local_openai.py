"""The local OpenAI in a process of its own, with a past if a test writes one."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
ADMIN_KEY = "sk-admin-local"


@dataclass(frozen=True, kw_only=True)
class LocalOpenAi:
    """`http`: without a key; `admin`: with the admin's."""

    url: str
    http: httpx.Client
    admin: httpx.Client

    def fault(self, kind: str, endpoint: str, **more: Any) -> None:
        fault = {"kind": kind, "match": {"endpoint": endpoint}, **more}
        self.http.post("/_local/faults", json=fault).raise_for_status()

    def project(self, name: str) -> tuple[str, str]:
        """Its id, and a key of it."""
        project = self.admin.post("/v1/organization/projects", json={"name": name}).raise_for_status().json()["id"]
        path = f"/v1/organization/projects/{project}/service_accounts"
        account = self.admin.post(path, json={"name": "gate"}).raise_for_status().json()
        return project, account["api_key"]["value"]

    def chat(self, key: str, text: str = "Hello", **more: Any) -> httpx.Response:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], "max_tokens": 20, **more}
        return self.http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})


def served(at: datetime, *, key: str = "sk-test", model: str = "gpt-4o-2024-08-06", **tokens: int) -> dict[str, Any]:
    """A line of its books."""
    is_embedding = model.startswith("text-embedding")
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "endpoint": "/v1/embeddings" if is_embedding else "/v1/chat/completions",
        "model": model.removesuffix("-2024-08-06"),
        "answeredModel": model,
        "serviceTier": "default",
        "tokens": {"uncached": 0, "cached": 0, "cacheWrite": 0, "output": 0} | tokens,
        "apiKeyHash": sha256(key.encode()).hexdigest()[:16],
    }


@contextmanager
def local_openai(state: Path, past: Sequence[dict[str, Any]] = ()) -> Iterator[LocalOpenAi]:
    books = state / "openai" / "served.jsonl"
    books.parent.mkdir(parents=True, exist_ok=True)
    books.write_text("".join(json.dumps(line) + "\n" for line in past), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "OPENAI_PORT": str(port), "TOLLGATE_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "infra.local.openai_server"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    url, key = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {ADMIN_KEY}"}
    with (
        httpx.Client(base_url=url, verify=False, timeout=10) as http,
        httpx.Client(base_url=url, verify=False, timeout=10, headers=key) as admin,
    ):
        try:
            _wait_for(http, process)
            yield LocalOpenAi(url=url, http=http, admin=admin)
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and process.poll() is None:
        try:
            http.get("/_local/health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the local OpenAI did not start")
