"""CPU time of small pieces of work. Wall time would measure whoever else uses the machine."""

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import process_time


def medians(parts: Mapping[str, Callable[[], object]], *, rounds: int, calls: int) -> dict[str, float]:
    """Microseconds of CPU, user and system, of one call of each part: the median of the rounds. In each round every part has its
    turn, so that a machine that slows down slows them all."""
    spent: dict[str, list[float]] = {name: [] for name in parts}
    for run in parts.values():
        run()
    for _ in range(rounds):
        for name, run in parts.items():
            # What the part before it left behind is not this one's to clear away.
            gc.collect()
            began = process_time()
            for _ in range(calls):
                run()
            spent[name].append((process_time() - began) / calls * 1e6)
    return {name: median(each) for name, each in spent.items()}
