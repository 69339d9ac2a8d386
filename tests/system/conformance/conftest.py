from collections.abc import Iterator

import pytest

from layers.encodings.unpack import unpack


@pytest.fixture(scope="session", autouse=True)
def no_environment_of_the_person() -> Iterator[None]:
    """A key or an address in the environment would be taken by these clients, and LangChain's traces would go to a service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
            patch.delenv(name, raising=False)
        for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
            patch.setenv(name, "false")
        patch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "true")
        yield


@pytest.fixture(scope="session")
def token_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tokenizer's tables out of this repository: a client that counts by itself would download them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(unpack(tmp_path_factory.mktemp("tables"))))
        yield


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
