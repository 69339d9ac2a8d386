"""Runs the named benchmarks, or all of them; each prints Markdown."""

import sys
from importlib import import_module

BENCHMARKS = {
    "hold": "tests.bench.hold",
    "page": "tests.bench.page",
    "hot": "tests.bench.hot",
    "crowd": "tests.bench.crowd",
    "bounds": "tests.bench.bounds",
    "call": "tests.bench.call",
    "cold": "tests.bench.cold",
    "writer": "tests.bench.writer",
    "forecast": "tests.bench.forecast",
    "summary": "tests.bench.summary",
    "outcomes": "tests.bench.outcomes",
    "servicetitan": "tests.bench.servicetitan",
    "storage": "tests.bench.storage",
}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}.")
    for name in names or BENCHMARKS:
        import_module(BENCHMARKS[name]).main()


if __name__ == "__main__":
    main(sys.argv[1:])
