"""What a governed call needs to know of a request, whichever of OpenAI's routes it came by."""

from typing import Any, Protocol

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.model import Kind, Model
from tollgate.domain.price import Bound, Price
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings

# Where a model is asked for, by what it is; chat models are taken by Responses too.
ROUTES = {Kind.CHAT: "chat/completions", Kind.RESPONSES: "responses", Kind.EMBEDDING: "embeddings"}


class GovernedRequest(Protocol):
    """A request that was parsed, so it can be bounded.

    `path`: at the provider, below `/v1/`; `kinds`: the models that it can be asked of; `texts`: what a tokenizer could count;
    `only_as_asked`: the caller takes no other model and no smaller call; `fingerprint`: what makes two requests the same, None for one
    that may be sent again and again.
    """

    @property
    def model(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def kinds(self) -> frozenset[Kind]: ...
    @property
    def texts(self) -> tuple[str, ...]: ...
    @property
    def attribution(self) -> Attribution: ...
    @property
    def only_as_asked(self) -> bool: ...
    @property
    def streams(self) -> bool: ...
    @property
    def fingerprint(self) -> str | None: ...

    def check(self, model: Model, /) -> None:
        """Whether the model that was asked for takes it by this route. Raises RequestInvalid."""

    def can_be_served_by(self, model: Model, /) -> bool:
        """Whether this model, another than was asked for, can answer it."""

    def input_tokens(self, text_tokens: int | None, model: str, /) -> int:
        """The most input tokens that it costs, with these for its texts, or their bytes; however many the model takes."""

    def by_bytes(self, settings: TenantSettings, price: Price, /) -> Bound:
        """The bound that needs no tokenizer. Raises RequestInvalid."""

    def by_count(self, text_tokens: int, settings: TenantSettings, price: Price, /) -> Bound:
        """The bound by the tokens that were counted in `texts`; never above the one by bytes."""

    def sent(self, model: Model, price: Price, /, *, output_tokens: int) -> dict[str, Any]:
        """The body that goes to the provider, with what the gate names itself."""


def check_kind(request: GovernedRequest, model: Model) -> None:
    """Raises RequestInvalid, which names the route that takes the model."""
    if model.kind not in request.kinds:
        raise RequestInvalid(
            f"The model {model.name[:80]!r} is not served here; ask for it by POST /v1/{ROUTES[model.kind]}.",
            param="model",
        )
