"""A whole page as the table keeps it. Tollgate itself never writes one: pages come to be by updates."""

from tollgate.adapters.page_item import Item, closed_value, hold_value, new_page_item, number, shard_of
from tollgate.domain.page import AgentUse, Page, Use


def item_of(page: Page) -> Item:
    item = new_page_item(page.tenant_id, page.month, version=page.version, agents={})
    item |= _use("", page.use) | {"seq": number(page.seq), "epoch": number(page.epoch)}
    for day, use in page.days.items():
        item |= _use(f"_{day}", use)
    item |= {f"r{minute}": number(calls) for minute, calls in page.minutes.items()}
    item["agents"] = {"M": {label: {"M": _agent(use)} for label, use in page.agents.items()}}
    item["holds"] = {"M": {key: hold_value(hold) for key, hold in page.holds.items()}}
    item["closed"] = {"M": {key: closed_value(closed) for key, closed in page.closed.items()}}
    if page.span is not None:
        item["span"] = {"S": page.span}
    if page.due is not None:
        item |= {"due": number(page.due), "due_shard": {"S": shard_of(page.tenant_id)}}
    return item


def _use(suffix: str, use: Use) -> Item:
    return _money(suffix, use) | {f"tokens_used{suffix}": number(use.tokens)}


def _money(suffix: str, use: Use) -> Item:
    return {f"used{suffix}": number(use.used), f"spent{suffix}": number(use.spent)}


def _agent(use: AgentUse) -> Item:
    """An agent's entry counts money alone."""
    item = _money("", use.month)
    for day, today in use.days.items():
        item |= _money(f"_{day}", today)
    return item
