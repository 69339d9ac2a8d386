"""What the requests to all routes have in common: fields that are known by name, numbers, flags, and text that is billed."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tollgate.domain.errors import NotBounded, RequestInvalid

# No tool or schema needs more; what is deeper costs our own time, and is refused before anything walks it.
DEPTH_MAX = 64
CACHE_OPTIONS = {"mode": ("implicit", "explicit"), "ttl": ("30m",)}


def check_depth(body: Mapping[str, Any] | list[Any]) -> None:
    """Level by level, so that no depth is too deep for us."""
    level: list[Any] = [body]
    for _ in range(DEPTH_MAX):
        level = [inner for value in level for inner in _inside(value) if isinstance(inner, dict | list)]
        if not level:
            return
    raise RequestInvalid(f"The body is nested more than {DEPTH_MAX} levels deep; send it flatter.")


def _inside(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, Mapping) else value


def check_fields(body: Mapping[str, Any], known: Collection[str], refused: Mapping[str, str]) -> None:
    """`refused`: field -> what to send instead; absent, null and false are all the same there. Raises NotBounded by the field's name."""
    for name, value in body.items():
        if name in refused and value is not None and value is not False:
            raise NotBounded(f"{name}: {refused[name]}", param=name)
        if name not in known and name not in refused:
            raise NotBounded(
                f"The field {name[:80]!r} is not known, so its cost cannot be bounded; leave it out.", param=name[:80]
            )


def check_cache_options(given: Any) -> None:
    """Whether a cache is written, and for 30 minutes: the default, whose price is in every bound. Raises RequestInvalid, and NotBounded for
    writes that are kept for longer, at twice that price, and for what asks for more than caching."""
    for name, value in thing("prompt_cache_options", given).items():
        if value is not None and value not in CACHE_OPTIONS.get(name, ()):
            at = f"prompt_cache_options.{name[:80]}"
            raise NotBounded(f"{at}: only mode, and a ttl of '30m', can be bounded; leave it out.", param=at)


def check_unicode(body: Mapping[str, Any]) -> None:
    """Of all that is sent on, billed or not: what cannot be encoded would break after the hold."""
    try:
        for text in strings_in(dict(body)):
            text.encode()
    except UnicodeEncodeError as error:
        raise RequestInvalid("The text is not valid unicode (a lone surrogate); send it as valid UTF-8.") from error


def strings_in(value: Any, *, unbilled: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every string in a JSON value, names of fields and the digits of numbers included: schemas are billed with their names, all but
    those that only the format knows (`unbilled`)."""
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                if name not in unbilled:
                    yield name
                yield from strings_in(inner, unbilled=unbilled)
        case list():
            for inner in value:
                yield from strings_in(inner, unbilled=unbilled)
        case bool() | None:
            yield "false"
        case _:
            yield str(value)


def fields_in(value: Any) -> int:
    """How many fields and list items a JSON value has, at every depth."""
    match value:
        case dict():
            return len(value) + sum(fields_in(inner) for inner in value.values())
        case list():
            return len(value) + sum(fields_in(inner) for inner in value)
        case _:
            return 0


def utf8_bytes(text: str) -> int:
    return len(text.encode())


def model_named(body: Mapping[str, Any], default: str | None = None) -> str:
    model = body.get("model") or default
    if not isinstance(model, str):
        raise RequestInvalid("model must be a string.", param="model")
    return model


def whole(name: str, value: Any, *, most: int = 10**7) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise RequestInvalid(f"{name} must be a whole number from 1 to {most}.", param=name)
    return value


def flag(name: str, value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise RequestInvalid(f"{name} must be true or false.", param=name)
    return bool(value)


def thing(name: str, value: Any) -> Mapping[str, Any]:
    """A JSON object, or an empty one where there is none."""
    if value is not None and not isinstance(value, dict):
        raise RequestInvalid(f"{name} must be an object.", param=name)
    return value or {}


def things(name: str, value: Any) -> list[Mapping[str, Any]]:
    if value is not None and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
        raise RequestInvalid(f"{name} must be a list of objects.", param=name)
    return value or []
