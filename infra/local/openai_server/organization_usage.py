"""GET /v1/organization/costs and /v1/organization/usage/{completions,embeddings}"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from time import time

from infra.local.openai_server.admin import Ask
from infra.local.openai_server.api_error import bad_request, missing
from infra.local.openai_server.fields import Json
from infra.local.openai_server.meter import Use

WIDTHS = {"1m": 60, "1h": 3_600, "1d": 86_400}
# Buckets of one page: (default, most).
USAGE_LIMITS = {"1m": (60, 1_440), "1h": (24, 168), "1d": (7, 31)}
COSTS_LIMIT = (7, 180)
COST_GROUPS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
USAGE_GROUPS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source")
EMBEDDING_GROUPS = ("project_id", "user_id", "api_key_id", "model")

Key = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`start`, `end`: seconds since 1970; `first`: where this page begins."""

    start: int
    end: int
    first: int
    width: int
    limit: int
    groups: list[str]

    def buckets(self) -> list[tuple[int, int]]:
        """Of this page. They begin at whole widths of UTC, the first one too."""
        starts = range(self.first, self.end, self.width)
        return [(start, start + self.width) for start in starts[: self.limit]]


def get_costs(ask: Ask) -> Json:
    if ask.one("bucket_width") not in (None, "1d"):
        raise bad_request("Invalid 'bucket_width': only '1d' is supported.", param="bucket_width", code="invalid_value")
    query = parse_query(ask, "1d", COSTS_LIMIT, COST_GROUPS)
    known_at, wanted = time() - ask.service.delays.costs, set(ask.several("line_items"))

    def results(uses: Iterable[Use]) -> list[Json]:
        sums: dict[Key, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        for use in uses:
            for item, (dollars, quantity) in use.items.items():
                if wanted and item not in wanted:
                    continue
                key = grouped(ask, use, query.groups, line_item=item)
                sums[key][0] += dollars
                sums[key][1] += quantity
        by_item = "line_item" in query.groups
        return [cost_result(dict(key), *each, by_item=by_item) for key, each in sorted(sums.items(), key=str)]

    return page_of(ask, query, results, known_at=known_at, only=lambda _: True)


def get_completions(ask: Ask) -> Json:
    return usage(ask, USAGE_GROUPS, completions_result, only=lambda use: not use.is_embedding)


def get_embeddings(ask: Ask) -> Json:
    return usage(ask, EMBEDDING_GROUPS, embeddings_result, only=lambda use: use.is_embedding)


def usage(
    ask: Ask, groups: tuple[str, ...], render: Callable[[Json, list[Use]], Json], only: Callable[[Use], bool]
) -> Json:
    width = ask.one("bucket_width") or "1d"
    if width not in WIDTHS:
        raise bad_request("Invalid 'bucket_width': '1m', '1h' and '1d' are supported.", param="bucket_width")
    query = parse_query(ask, width, USAGE_LIMITS[width], groups)

    def results(uses: Iterable[Use]) -> list[Json]:
        sums: dict[Key, list[Use]] = defaultdict(list)
        for use in uses:
            sums[grouped(ask, use, query.groups)].append(use)
        return [render(dict(key), each) for key, each in sorted(sums.items(), key=str)]

    return page_of(ask, query, results, known_at=time() - ask.service.delays.usage, only=only)


def parse_query(ask: Ask, width: str, limits: tuple[int, int], groups: tuple[str, ...]) -> Query:
    """Raises ApiError."""
    start, end = whole(ask, "start_time"), whole(ask, "end_time")
    if start is None:
        raise missing("start_time")
    asked = ask.several("group_by")
    for name in asked:
        if name not in groups:
            raise bad_request(f"Invalid 'group_by': {name!r} is not supported here.", param="group_by")
    seconds, limit = WIDTHS[width], whole(ask, "limit") or limits[0]
    if not 1 <= limit <= limits[1]:
        raise bad_request(f"Invalid 'limit': between 1 and {limits[1]}.", param="limit", code="invalid_value")
    begins = start - start % seconds
    page = ask.one("page")
    return Query(
        start=start,
        end=min(end if end is not None else int(time()) + seconds, int(time()) + seconds),
        first=begins if page is None else read_page(page),
        width=seconds,
        limit=limit,
        groups=asked,
    )


def whole(ask: Ask, name: str) -> int | None:
    text = ask.one(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_request(f"Invalid type for '{name}': expected an integer.", param=name, code="invalid_type")
    return int(text)


def page_of(
    ask: Ask,
    query: Query,
    results: Callable[[Iterable[Use]], list[Json]],
    *,
    known_at: float,
    only: Callable[[Use], bool],
) -> Json:
    buckets = query.buckets()
    projects, keys, models = (set(ask.several(name)) for name in ("project_ids", "api_key_ids", "models"))
    within: dict[int, list[Use]] = defaultdict(list)
    last = buckets[-1][1] if buckets else query.first
    for use in ask.service.books.meter.between(max(query.first, query.start), min(last, query.end), known_at=known_at):
        project, key_id = ask.service.organization.owner_of(use.key_hash)
        is_asked = (not projects or project.id in projects) and (not keys or key_id in keys)
        if is_asked and (not models or use.model in models) and only(use):
            within[use.second - use.second % query.width].append(use)
    has_more = last < query.end and bool(buckets)
    return {
        "object": "page",
        "data": [
            {
                "object": "bucket",
                "start_time": start,
                "end_time": min(end, query.end),
                "results": results(within[start]),
            }
            for start, end in buckets
        ],
        "has_more": has_more,
        "next_page": write_page(last) if has_more else None,
    }


def grouped(ask: Ask, use: Use, groups: list[str], *, line_item: str | None = None) -> Key:
    project, key_id = ask.service.organization.owner_of(use.key_hash)
    facts = {
        "project_id": project.id,
        "user_id": None,
        "api_key_id": key_id,
        "line_item": line_item,
        "model": use.model,
        "batch": False,
        "service_tier": use.tier,
        "api_source": "unlabeled",
    }
    return tuple((name, facts[name]) for name in groups)


def cost_result(group: Json, dollars: Fraction, quantity: Fraction, *, by_item: bool) -> Json:
    # A float of dollars, as documented, with what comes of it.
    return {
        "object": "organization.costs.result",
        "amount": {"value": float(dollars), "currency": "usd"},
        "line_item": None,
        "project_id": None,
        "api_key_id": None,
        "user_id": None,
        "api_source": None,
        "quantity": float(quantity) if by_item else None,
        "quantity_unit": "tokens" if by_item else None,
        **group,
    }


def completions_result(group: Json, uses: list[Use]) -> Json:
    uncached, cached, written, output = (
        sum(use.tokens[kind] for use in uses) for kind in ("uncached", "cached", "cacheWrite", "output")
    )
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": uncached + cached + written,
        "input_cached_tokens": cached,
        "input_cache_write_tokens": written,
        "input_cache_write_30m_tokens": written,
        "input_cache_write_12h_tokens": 0,
        "input_uncached_tokens": uncached,
        "output_tokens": output,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": len(uses),
        **dict.fromkeys(USAGE_GROUPS),
        **group,
    }


def embeddings_result(group: Json, uses: list[Use]) -> Json:
    return {
        "object": "organization.usage.embeddings.result",
        "input_tokens": sum(use.tokens["uncached"] for use in uses),
        "num_model_requests": len(uses),
        **dict.fromkeys(EMBEDDING_GROUPS),
        **group,
    }


def write_page(second: int) -> str:
    return "page_" + base64.urlsafe_b64encode(str(second).encode()).decode()


def read_page(text: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(text.removeprefix("page_")))
    except (ValueError, binascii.Error) as error:
        raise bad_request("Invalid 'page': this cursor is not one of ours.", param="page") from error
