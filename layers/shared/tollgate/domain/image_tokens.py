"""The most tokens that an image can cost, by the rule of the model's family at the detail that is sent.

Sources: OpenAI's guide "Images and vision" (July 2026), LiteLLM's token counter (newer), image-token-cost (agrees with the guide).
Where they differ, the dearer factor and the larger budget hold.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tollgate.domain.errors import NotBounded
from tollgate.domain.image import Detail, Image

PATCH = 32
LOW_PATCHES = (512 // PATCH) ** 2
TILE = 512
# An image fits a square of 2048, and its short side is then at most 768: 4 tiles by 2.
LONG_SIDE, SHORT_SIDE, TILES_MAX = 2_048, 768, 8
# What stands around an image, beyond the published rules.
TOKENS_PER_IMAGE = 8
DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Squares of 32 pixels, each times `factor`. `high`, `original`: the most patches at that detail; None: no budget is published.

    `low`: None where no source says that the family knows low detail; then it is bounded as `high` is.
    """

    factor: Fraction
    high: int
    original: int | None
    auto: Detail
    low: int | None = LOW_PATCHES

    def tokens(self, image: Image, detail: Detail) -> int | None:
        """None: nothing bounds it."""
        most = self._budget(detail)
        if image.size is not None:
            width, height = image.size
            patches = -(-width // PATCH) * -(-height // PATCH)
            most = patches if most is None else min(most, patches)
        return None if most is None else -(-most * self.factor.numerator // self.factor.denominator)

    def _budget(self, detail: Detail) -> int | None:
        match detail:
            case Detail.LOW:
                return self.low or self.high
            case Detail.HIGH:
                return self.high
            case _:
                return self.original


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """`base` for every image, `tile` for each square of 512 pixels at more than low detail."""

    base: int
    tile: int

    def tokens(self, image: Image, detail: Detail) -> int:
        if detail is Detail.LOW:
            return self.base
        return self.base + self.tile * (TILES_MAX if image.size is None else _tiles(*image.size))


def _tiles(width: int, height: int) -> int:
    scale = min(Fraction(1), Fraction(LONG_SIDE, max(width, height)))
    scale = min(scale, Fraction(SHORT_SIDE, min(width, height)))
    return min(TILES_MAX, _up(width * scale / TILE) * _up(height * scale / TILE))


def _up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


LATE = Patches(factor=Fraction("1.2"), high=2_500, original=None, auto=Detail.ORIGINAL)
GPT_5_5 = Patches(factor=Fraction("1.2"), high=2_500, original=10_000, auto=Detail.ORIGINAL)
GPT_5_4 = Patches(factor=Fraction("1.2"), high=2_500, original=10_000, auto=Detail.HIGH)
# The guide: 1,536 patches at these factors; LiteLLM: up to 4,096 at 1.2, and 10,000 of the 5.4 ones at `original`.
MINI = Patches(factor=Fraction("1.62"), high=4_096, original=4_096, auto=Detail.HIGH, low=None)
NANO = Patches(factor=Fraction("2.46"), high=4_096, original=4_096, auto=Detail.HIGH, low=None)
MINI_5_4 = Patches(factor=Fraction("1.62"), high=4_096, original=10_000, auto=Detail.ORIGINAL, low=None)
NANO_5_4 = Patches(factor=Fraction("2.46"), high=4_096, original=10_000, auto=Detail.ORIGINAL, low=None)
GPT_4 = Tiles(base=85, tile=170)
GPT_4O_MINI = Tiles(base=2_833, tile=5_667)
GPT_5 = Tiles(base=70, tile=140)
O_SERIES = Tiles(base=75, tile=150)

# By exact name: a new model may follow a new rule, so it has none until a source gives it one.
FAMILIES: Mapping[str, Patches | Tiles] = {
    **dict.fromkeys(("gpt-6.2-astra", "gpt-6.2-sol", "gpt-6.1-sol", "gpt-6.1-terra"), LATE),
    **dict.fromkeys(("gpt-6-astra", "gpt-6-sol", "gpt-6-luna"), LATE),
    **dict.fromkeys(("gpt-5.6", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna"), LATE),
    "gpt-5.5": GPT_5_5,
    "gpt-5.4": GPT_5_4,
    "gpt-5.4-mini": MINI_5_4,
    "gpt-5.4-nano": NANO_5_4,
    **dict.fromkeys(("gpt-5-mini", "gpt-5.2", "gpt-5.2-chat-latest", "gpt-4.1-mini"), MINI),
    "gpt-5-nano": NANO,
    **dict.fromkeys(("gpt-5", "gpt-5-chat-latest", "gpt-5.1", "gpt-5.1-chat-latest"), GPT_5),
    **dict.fromkeys(("gpt-4o", "gpt-4.1"), GPT_4),
    "gpt-4o-mini": GPT_4O_MINI,
    "o3": O_SERIES,
}


def image_tokens(model: str, image: Image) -> int:
    """The most that it costs as it is sent to this model. Raises NotBounded where no rule bounds it."""
    tokens = _family(model).tokens(image, _seen_at(model, image.detail))
    if tokens is None:
        raise NotBounded(
            f"An image behind an address has no bound at detail 'original' on {model}: send detail 'high' or 'low', or the "
            "image itself as a base64 data URL (PNG, JPEG, GIF or WebP).",
            param="messages",
        )
    return tokens + TOKENS_PER_IMAGE


def detail_sent(model: str, detail: Detail) -> Detail:
    """As the caller has it; `high` where he leaves the choice to a model that would choose without a limit."""
    family = _family(model)
    is_open = isinstance(family, Patches) and family.auto is Detail.ORIGINAL and family.original is None
    return Detail.HIGH if detail is Detail.AUTO and is_open else detail


def takes_original(model: str) -> bool:
    """Whether the model has an original detail of its own."""
    family = _family(model)
    return isinstance(family, Patches) and family.original != family.high


def _seen_at(model: str, detail: Detail) -> Detail:
    """What the detail that is sent comes to."""
    sent, family = detail_sent(model, detail), _family(model)
    if sent is not Detail.AUTO:
        return sent
    return family.auto if isinstance(family, Patches) else Detail.HIGH


def _family(model: str) -> Patches | Tiles:
    """`ft:gpt-4o:org::id` and dated names are their model's. Raises NotBounded."""
    name = model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model
    family = FAMILIES.get(DATED.sub("", name))
    if family is None:
        raise NotBounded(
            f"What an image costs on the model {model[:80]!r} is not known; send text, or ask another model.",
            param="messages",
        )
    return family
