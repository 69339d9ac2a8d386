from dataclasses import dataclass

CLASSES = ("uncached", "cached", "written", "written_12h", "audio_input", "output", "audio_output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call in classes that do not overlap, so that none can be billed twice, or be forgotten.

    Input: `uncached`, `cached`, `written` (to the cache, for 30 minutes), `written_12h`, `audio_input`. Images are among the first
    three: no model that we price bills them apart. Output: `output` (text) and `audio_output`; `reasoning` says how many tokens of
    `output` were reasoning, for reports, and has no price of its own. Raises ValueError for what no call can have.
    """

    uncached: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0
    written_12h: int = 0
    audio_input: int = 0
    audio_output: int = 0

    def __post_init__(self) -> None:
        for name in (*CLASSES, "reasoning"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} tokens cannot be negative")
        if self.reasoning > self.output:
            raise ValueError("reasoning tokens are part of the output tokens")

    @property
    def input(self) -> int:
        return self.uncached + self.cached + self.written + self.written_12h + self.audio_input

    @property
    def completion(self) -> int:
        """All that the model wrote."""
        return self.output + self.audio_output

    @property
    def total(self) -> int:
        return self.input + self.completion


NO_USAGE = Usage()
