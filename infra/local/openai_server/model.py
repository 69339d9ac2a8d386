"""The models that the local OpenAI serves, as OpenAI documents them in November 2026."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from infra.local.openai_server.api_error import model_not_found
from infra.local.openai_server.image import ImageRule, Patches, Tiles


class ToolUse(StrEnum):
    """When Chat Completions takes function tools; the Responses API always does."""

    ALWAYS = "always"
    WITHOUT_REASONING = "without_reasoning"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    name: str
    snapshot: str
    created: int
    input_max: int
    output_max: int
    images: ImageRule
    # Where input and output share one window, this is its size.
    window: int | None = None
    shutdown: str | None = None
    efforts: tuple[str, ...] = ()
    effort: str = "none"
    tools: ToolUse = ToolUse.ALWAYS
    tiers: tuple[str, ...] = ("flex", "priority", "fast")
    writes_cache: bool = False
    takes_prediction: bool = False

    @property
    def reasons(self) -> bool:
        return bool(self.efforts)

    def output_room(self, prompt_tokens: int) -> int:
        if self.window is None:
            return self.output_max
        return min(self.output_max, self.window - prompt_tokens)


EARLY = ("minimal", "low", "medium", "high")
MIDDLE = ("none", "low", "medium", "high", "xhigh")
LATE = ("none", "low", "medium", "high", "xhigh", "max")
LATE_ALWAYS_REASONING = LATE[1:]
DEAR_ONLY = ("priority", "fast")


def gpt_4(name: str, snapshot: str, images: ImageRule, *, window: int, output_max: int) -> Model:
    return Model(
        name=name,
        snapshot=f"{name}-{snapshot}",
        created=1_715_367_049,
        input_max=window,
        output_max=output_max,
        window=window,
        shutdown="2027-01-14",
        images=images,
        tiers=DEAR_ONLY,
        takes_prediction=True,
    )


def gpt_5(
    name: str,
    snapshot: str,
    images: ImageRule,
    *,
    efforts: tuple[str, ...] = MIDDLE,
    effort: str = "none",
    shutdown: str | None = None,
    window: int | None = None,
    tools: ToolUse = ToolUse.ALWAYS,
) -> Model:
    return Model(
        name=name,
        snapshot=f"{name}-{snapshot}" if snapshot else name,
        created=1_754_425_777,
        input_max=window or 272_000,
        output_max=128_000,
        window=window,
        shutdown=shutdown,
        images=images,
        efforts=efforts,
        effort=effort,
        tools=tools,
    )


def gpt_6(
    name: str,
    *,
    efforts: tuple[str, ...] = LATE,
    tools: ToolUse = ToolUse.WITHOUT_REASONING,
    tiers: tuple[str, ...] = ("flex", "priority", "fast"),
) -> Model:
    """gpt-5.6 and everything after it: cache writes cost, images are open-ended, tools want reasoning off."""
    return Model(
        name=name,
        snapshot=name,
        created=1_785_000_000,
        input_max=922_000,
        output_max=128_000,
        images=Patches(factor=1.2, high=2_500, original=None, auto="original"),
        efforts=efforts,
        effort="medium",
        tools=tools,
        tiers=tiers,
        writes_cache=True,
    )


def always_reasoning(name: str, tiers: tuple[str, ...] = ("flex", "priority", "fast")) -> Model:
    return gpt_6(name, efforts=LATE_ALWAYS_REASONING, tools=ToolUse.NEVER, tiers=tiers)


MINI_PATCHES = Patches(factor=1.62, high=1_536, original=1_536, auto="high")
NANO_PATCHES = Patches(factor=2.46, high=1_536, original=1_536, auto="high")
END_OF_GPT_5 = "2026-12-11"
MILLION = 1_050_000

MODELS = (
    gpt_4("gpt-4o", "2024-08-06", Tiles(base=85, tile=170), window=128_000, output_max=16_384),
    gpt_4("gpt-4o-mini", "2024-07-18", Tiles(base=2_833, tile=5_667), window=128_000, output_max=16_384),
    gpt_4("gpt-4.1", "2025-04-14", Tiles(base=85, tile=170), window=1_047_576, output_max=32_768),
    gpt_4("gpt-4.1-mini", "2025-04-14", MINI_PATCHES, window=1_047_576, output_max=32_768),
    gpt_5("gpt-5", "2025-08-07", Tiles(base=70, tile=140), efforts=EARLY, effort="medium", shutdown=END_OF_GPT_5),
    gpt_5("gpt-5-mini", "2025-08-07", MINI_PATCHES, efforts=EARLY, effort="medium", shutdown=END_OF_GPT_5),
    gpt_5("gpt-5-nano", "2025-08-07", NANO_PATCHES, efforts=EARLY, effort="medium", shutdown=END_OF_GPT_5),
    gpt_5("gpt-5.1", "2025-11-13", Tiles(base=70, tile=140), shutdown="2027-04-01"),
    gpt_5("gpt-5.2", "2025-12-11", Patches(factor=1.2, high=1_536, original=1_536, auto="high")),
    gpt_5(
        "gpt-5.4",
        "",
        Patches(factor=1.2, high=2_500, original=10_000, auto="high"),
        window=MILLION,
        tools=ToolUse.WITHOUT_REASONING,
    ),
    gpt_5("gpt-5.4-mini", "2026-03-17", MINI_PATCHES, tools=ToolUse.WITHOUT_REASONING),
    gpt_5("gpt-5.4-nano", "2026-03-17", NANO_PATCHES, tools=ToolUse.WITHOUT_REASONING, shutdown="2027-04-01"),
    gpt_5(
        "gpt-5.5",
        "2026-04-23",
        Patches(factor=1.2, high=2_500, original=10_000, auto="original"),
        effort="medium",
        window=MILLION,
    ),
    gpt_6("gpt-5.6-sol"),
    gpt_6("gpt-5.6-terra"),
    gpt_6("gpt-5.6-luna"),
    gpt_6("gpt-6-sol"),
    gpt_6("gpt-6-luna"),
    always_reasoning("gpt-6-astra"),
    always_reasoning("gpt-6.1-sol"),
    gpt_6("gpt-6.1-terra"),
    always_reasoning("gpt-6.2-sol", tiers=DEAR_ONLY),
    always_reasoning("gpt-6.2-astra", tiers=DEAR_ONLY),
    Model(
        name="o3",
        snapshot="o3-2025-04-16",
        created=1_744_225_308,
        input_max=200_000,
        output_max=100_000,
        window=200_000,
        shutdown=END_OF_GPT_5,
        images=Tiles(base=75, tile=150),
        efforts=EARLY[1:],
        effort="medium",
    ),
)
OTHER_SNAPSHOTS = {"gpt-4o-2024-11-20": "gpt-4o"}
BY_NAME = {name: model for model in MODELS for name in (model.name, model.snapshot)} | {
    snapshot: model for snapshot, name in OTHER_SNAPSHOTS.items() for model in MODELS if model.name == name
}


def find_model(name: str) -> Model:
    """Also a dated name, and a fine-tuned one (`ft:<base>:<organization>::<id>`). Raises 404."""
    base = name.split(":")[1] if name.startswith("ft:") else name
    if base not in BY_NAME:
        raise model_not_found(name)
    return BY_NAME[base]


def answered_name(requested: str, model: Model) -> str:
    """OpenAI answers an alias with the dated name behind it, and any other name with itself."""
    return model.snapshot if requested == model.name else requested
