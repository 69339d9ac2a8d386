"""A whole page as the table keeps it. Tollgate itself never writes one: pages come to be by updates."""

from tollgate.adapters.page_item import Item, body_of, new_page_item, number, shard_of
from tollgate.domain.page import Page


def item_of(page: Page) -> Item:
    item = new_page_item(page.tenant_id, page.month, version=page.version, agents={}) | body_of(page)
    item |= {"epoch": number(page.epoch)} | {f"r{minute}": number(calls) for minute, calls in page.minutes.items()}
    if page.span is not None:
        item["span"] = {"S": page.span}
    if page.due is not None:
        item |= {"due": number(page.due), "due_shard": {"S": shard_of(page.tenant_id)}}
    return item
