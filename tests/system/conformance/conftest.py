import socket
from collections.abc import Iterator
from typing import Any

import pytest

from layers.encodings.unpack import unpack

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="module", autouse=True)
def no_environment_of_the_person() -> Iterator[None]:
    """A key or an address in the environment would be taken by these clients, and LangChain's traces would go to a service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
            patch.delenv(name, raising=False)
        for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
            patch.setenv(name, "false")
        patch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "true")
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_but_the_loopback() -> Iterator[None]:
    """Fails a module whose clients looked for anybody else: for traces, a version, a tokenizer's table."""
    ask = socket.getaddrinfo
    asked: set[str] = set()

    def note(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        asked.add(name)
        if name not in LOOPBACK:
            raise socket.gaierror(f"{name} is not on the loopback")
        return ask(host, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", note)
        yield
    assert asked <= LOOPBACK


@pytest.fixture(scope="module")
def token_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tokenizer's tables out of this repository: a client that counts by itself would download them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(unpack(tmp_path_factory.mktemp("tables"))))
        yield


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
