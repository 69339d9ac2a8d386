from collections.abc import Iterator

import pytest

from infra.local.openai_server.tokens import encoding
from layers.encodings.unpack import unpack


@pytest.fixture(scope="session")
def token_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tokenizer's tables out of this repository, read for the local OpenAI's count; without them tiktoken would download."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(unpack(tmp_path_factory.mktemp("tables"))))
        encoding("cl100k_base")
        encoding("o200k_base")
        yield
