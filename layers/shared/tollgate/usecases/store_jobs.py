"""Stores what `sync_jobs` has fetched: that one runs outside the private network, where Postgres cannot be reached."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.job import Feed
from tollgate.domain.job_text import cursor_record, page_of
from tollgate.ports import JobStore


def store_jobs(message: Mapping[str, Any], store: JobStore) -> dict[str, Any]:
    """One operation, as `adapters/invoked_jobs.py` sends it. Raises RequestInvalid for anything else."""
    try:
        match message["op"]:
            case "read_cursors":
                cursors = store.read_cursors(message["connection_id"])
                return {"cursors": {feed.value: cursor_record(cursor) for feed, cursor in cursors.items()}}
            case "store_page":
                page = page_of(message["page"])
                at = datetime.fromisoformat(message["at"])
                stored = store.store_page(message["connection_id"], page, previous=message["previous"], at=at)
                return {"stored": stored}
            case "note_failure":
                at = datetime.fromisoformat(message["at"])
                feed = Feed(message["feed"])
                store.note_failure(message["connection_id"], feed, message=message["message"], at=at)
                return {}
            case op:
                raise RequestInvalid(f"There is no operation {op!r}.")
    except (KeyError, TypeError, ValueError) as error:
        raise RequestInvalid(f"The message makes no sense: {error!r}.") from error
