"""CPU time of small pieces of work. Wall time would measure whoever else uses the machine."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import process_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Part -> microseconds of CPU, user and system, of one call of it in each round. In a round every part has its turn, so what is
    said of parts together is said round by round: a machine that slows down slows them all."""

    parts: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        return median(self.parts[name])

    def median_of(self, figure: Callable[[Mapping[str, float]], float]) -> float:
        """Of a figure that takes several parts of one round."""
        rounds = zip(*self.parts.values(), strict=True)
        return median(figure(dict(zip(self.parts, each, strict=True))) for each in rounds)


def measure_rounds(parts: Mapping[str, Callable[[], object]], *, rounds: int, calls: int) -> Rounds:
    spent: dict[str, list[float]] = {name: [] for name in parts}
    for run in parts.values():
        run()
    for _ in range(rounds):
        # What an earlier round left behind is not this one's to clear away.
        gc.collect()
        for name, run in parts.items():
            began = process_time()
            for _ in range(calls):
                run()
            spent[name].append((process_time() - began) / calls * 1e6)
    return Rounds(parts=spent)
