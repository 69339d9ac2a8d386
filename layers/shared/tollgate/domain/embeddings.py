"""A request for embeddings: texts or tokens in, vectors out. Nothing is written, so only the input is billed.

Limits: OpenAI's reference of Embeddings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.governed_request import ROUTES, check_kind
from tollgate.domain.model import Kind, Model
from tollgate.domain.price import Bound, Price
from tollgate.domain.request_fields import check_depth, check_fields, check_unicode, model_named, utf8_bytes
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings

FIELDS = frozenset({"model", "input", "encoding_format", "dimensions", "user"})
REFUSED = {"service_tier": "Embeddings have one tier; leave it out."}
INPUTS_MAX = 2_048
TOKENS_MAX = 300_000
# Above every id of every encoding; what is no id is the provider's to refuse.
TOKEN_ID_MAX = 10**7


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingsRequest:
    """A GovernedRequest. `tokens_max`: the most that its input can be, by its UTF-8 bytes, or exactly where it is token ids."""

    model: str
    body: Mapping[str, Any]
    tokens_max: int
    attribution: Attribution
    path: str = ROUTES[Kind.EMBEDDING]
    kinds: frozenset[Kind] = frozenset({Kind.EMBEDDING})
    # Its encoding is not the tokenizer's that we carry, and its bytes are cheap.
    texts: tuple[str, ...] = ()
    only_as_asked: bool = False
    streams: bool = False
    # To embed a text again is an indexer's way of life.
    fingerprint: str | None = None

    def check(self, model: Model, /) -> None:
        check_kind(self, model)

    def can_be_served_by(self, _model: Model, /) -> bool:
        """Never: the vectors of two models do not compare."""
        return False

    def input_tokens(self, _text_tokens: int | None, _model: str, /) -> int:
        return self.tokens_max

    def by_bytes(self, _settings: TenantSettings, _price: Price, /) -> Bound:
        return Bound(input=self.tokens_max, output=0)

    def by_count(self, _text_tokens: int, settings: TenantSettings, price: Price, /) -> Bound:
        return self.by_bytes(settings, price)

    def sent(self, _model: Model, price: Price, /, *, output_tokens: int) -> dict[str, Any]:
        assert output_tokens == 0
        body = {name: value for name, value in self.body.items() if value is not None}
        # The provider's own default, said outright: its SDK, by which the call goes up, would ask for base64.
        return {"encoding_format": "float"} | body | {"model": price.model}


def parse_embeddings(body: Mapping[str, Any], attribution: Attribution) -> EmbeddingsRequest:
    """Raises RequestInvalid and NotBounded, which name the field."""
    check_depth(body)
    check_unicode(body)
    check_fields(body, FIELDS, REFUSED)
    return EmbeddingsRequest(
        model=model_named(body),
        body=body,
        tokens_max=min(TOKENS_MAX, sum(_size(each) for each in _inputs(body.get("input")))),
        attribution=attribution,
    )


def _inputs(given: Any) -> list[Any]:
    """One text or row of tokens is an input; a list of numbers is one row."""
    several = given if isinstance(given, list) and not _is_token(given[0] if given else None) else [given]
    if not 1 <= len(several) <= INPUTS_MAX:
        raise RequestInvalid(f"input must be from 1 to {INPUTS_MAX} texts or rows of tokens.", param="input")
    return several


def _size(given: Any) -> int:
    if isinstance(given, str) and given:
        return utf8_bytes(given)
    if isinstance(given, list) and given and all(_is_token(token) for token in given):
        return len(given)
    raise RequestInvalid(
        "input must be a text, a list of texts, a list of token ids, or a list of such lists; none of them empty.",
        param="input",
    )


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TOKEN_ID_MAX
