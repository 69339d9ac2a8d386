"""What Lambda and its web adapter are to a function that streams: processes of it, each for one request at a time.

ministack hands over whole answers only. So the gateway serves streams beside it, by the deployed function's own code, layers and
environment, with the word of the deployed authorizer.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.build import ROOT
from infra.local.configuration import REGION

LAYERS = ("SharedLayer", "EncodingsLayer", "OpenAiLayer", "BaseLayer")
FUNCTION, AUTHORIZER = "CreateChatCompletion", "AuthenticateKey"
STARTED = b"serving on "
# As the template has it for the authorizer's answers.
AUTHORIZED_SECONDS = 60.0
ACCOUNT = "000000000000"


class Environments:
    """Started when they are needed, used again, ended with the gateway."""

    def __init__(self, code: Path, layers: Path, variables: Mapping[str, str], timeout_s: int) -> None:
        self._code = code
        path = [str(layers / name / "python") for name in LAYERS]
        self._variables = {
            **{name: os.environ[name] for name in os.environ if name.startswith("AWS_") or name in ("PATH", "HOME")},
            **variables,
            "AWS_LWA_PORT": "0",
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._timeout_s = timeout_s
        self._idle: list[tuple[asyncio.subprocess.Process, int]] = []
        self._all: list[asyncio.subprocess.Process] = []
        self._reading: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[int]:
        """The port of one that serves nobody else meanwhile."""
        process, port = self._idle.pop() if self._idle else await self._start()
        try:
            yield port
        finally:
            if process.returncode is None:
                self._idle.append((process, port))

    async def _start(self) -> tuple[asyncio.subprocess.Process, int]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tollgate.edge.live_server",
            cwd=self._code, env=self._variables, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._all.append(process)
        assert process.stderr is not None
        while line := await process.stderr.readline():
            if line.startswith(STARTED):
                self._reading.append(asyncio.create_task(_pass_on(process.stderr)))
                return process, int(line.removeprefix(STARTED))
            print(line.decode(errors="replace"), end="", flush=True)
        raise OSError("the streaming function did not start")

    def context(self, request_id: str) -> dict[str, Any]:
        """Lambda's, as the web adapter sends it."""
        return {"request_id": request_id, "deadline": int((time.time() + self._timeout_s) * 1000)}

    def close(self) -> None:
        for process in self._all:
            if process.returncode is None:
                process.terminate()


async def _pass_on(lines: asyncio.StreamReader) -> None:
    while line := await lines.readline():
        print(line.decode(errors="replace"), end="", flush=True)


class Authorizer:
    """The deployed one, asked as API Gateway asks it, its answers kept as long."""

    def __init__(self, function: str, client: Any, *, api_id: str, stage: str) -> None:
        self._function = function
        self._client = client
        self._arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/{stage}/POST"
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    async def facts(self, authorization: str, path: str) -> dict[str, Any] | None:
        """None for a key that is refused, and where the authorizer broke: ministack then says so in its own way."""
        until, facts = self._known.get(authorization, (0.0, {}))
        if time.monotonic() < until:
            return facts
        answer = await asyncio.to_thread(self._ask, authorization, path)
        if answer is not None:
            self._known[authorization] = (time.monotonic() + AUTHORIZED_SECONDS, answer)
        return answer

    def _ask(self, authorization: str, path: str) -> dict[str, Any] | None:
        event = {
            "type": "REQUEST",
            "methodArn": self._arn + path,
            "path": path,
            "httpMethod": "POST",
            "headers": {"Authorization": authorization},
            "requestContext": {"requestId": str(uuid.uuid4())},
        }
        try:
            answer = self._client.invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
        except ClientError as error:
            print(f"the authorizer did not answer: {error}", flush=True)
            return None
        if "FunctionError" in answer:
            return None
        return dict(json.loads(answer["Payload"].read()).get("context") or {})


def deployed(functions: Mapping[str, str], builds: Path, *, api_id: str, stage: str) -> tuple[Environments, Authorizer]:
    """`functions`: logical id -> name."""
    client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}, read_timeout=60))
    chat = client.get_function_configuration(FunctionName=functions[FUNCTION])
    variables = chat["Environment"]["Variables"]
    code = ROOT / "functions" / "routes" / "create_chat_completion"
    environments = Environments(code, builds / "build", variables, int(chat["Timeout"]))
    return environments, Authorizer(functions[AUTHORIZER], client, api_id=api_id, stage=stage)
