from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call in classes that do not overlap, so that none can be billed twice.

    `output` is all completion tokens; `reasoning` says how many of them were reasoning, for reports, and has no price of its own.
    """

    uncached: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    def __post_init__(self) -> None:
        for name in ("uncached", "cached", "written", "output", "reasoning"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} tokens cannot be negative")
        if self.reasoning > self.output:
            raise ValueError("reasoning tokens are part of the output tokens")

    @property
    def input(self) -> int:
        return self.uncached + self.cached + self.written

    @property
    def total(self) -> int:
        return self.input + self.output


NO_USAGE = Usage()
