"""What a log says of an error: what kind it is, and where it came from; its words only where no caller's can be among them.

A parser quotes what it could not read, and a provider what it would not answer: both are the prompt.
"""

import traceback
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

# Ours speak of money and services; those of AWS and Postgres, of services that no prompt goes to.
SPEAK = frozenset({"tollgate", "botocore", "psycopg"})
FRAMES_MAX = 25


def told(error: BaseException) -> dict[str, Any]:
    """For a log line's `extra`: the error with those that led to it, each with its innermost lines of code."""
    return {
        "exception_name": type(error).__name__,
        "exceptions": [{"error": _name(each), "at": _places(each)} for each in _chain(error)],
    }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _name(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__name__}: {error}" if kind.__module__.split(".", maxsplit=1)[0] in SPEAK else kind.__name__


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return [f"{'/'.join(PurePath(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}" for frame in frames]
