"""Stores and compares what `fetch_openai_bill` fetches outside the private network. Invoked by it, and by nobody else."""

from collections.abc import Mapping
from typing import Any

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.usecases.store_bill import store_bill


@scheduled
def handle(event: Mapping[str, Any]) -> dict[str, Any]:
    return store_bill(event, wiring.bill_books())
