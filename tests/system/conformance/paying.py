"""What every client's calls have in common: they are paid for exactly, and leave a span each."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.system.tollgate_client import Tenant, eventually, nano, published_cost


@contextmanager
def paid_exactly(tenant: Tenant, local_openai: httpx.Client) -> Iterator[None]:
    """What the tenant spent within is what the provider bills for it, call by call, and nothing stays held."""
    before = local_openai.get("/_local/health").json()["served"]
    yield
    served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert served, "the upstream was asked"
    daily = tenant.budget()["daily"]
    assert (nano(daily["spentUsd"]), daily["heldUsd"]) == (published_cost(served), 0)
    spans = eventually(tenant.spans, until=lambda rows: len(rows) == len(served), seconds=60)
    assert sorted(cost for _, _, cost in spans) == sorted(published_cost([entry]) for entry in served)
    assert {outcome for _, outcome, _ in spans} == {"ok"}
