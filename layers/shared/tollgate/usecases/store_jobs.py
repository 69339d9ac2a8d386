"""Stores what `sync_jobs` has fetched: that one runs outside the private network, where Postgres cannot be reached."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tollgate.domain.connection_text import connection_from
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.job import FeedPass, SourceFault
from tollgate.domain.job_text import cursor_record, page_of
from tollgate.ports import JobStore


def store_jobs(message: Mapping[str, Any], store: JobStore) -> dict[str, Any]:
    """One operation, as `adapters/invoked_jobs.py` sends it, unpacked. Raises RequestInvalid for anything else."""
    try:
        at = datetime.fromisoformat(message["at"])
        match message["op"]:
            case "begin":
                cursors = store.begin(connection_from(message["connection"]), at=at)
                return {"cursors": {each.name: cursor_record(cursor) for each, cursor in cursors.items()}}
            case "store_page":
                changed = store.store_page(
                    message["connection_id"],
                    FeedPass.named(message["feed_pass"]),
                    page_of(message["page"]),
                    previous=message["previous"],
                    at=at,
                )
                return {"changed": changed}
            case "note_failure":
                store.note_failure(
                    message["connection_id"],
                    FeedPass.named(message["feed_pass"]),
                    fault=SourceFault(message["fault"]),
                    message=message["message"],
                    at=at,
                )
                return {}
            case op:
                raise RequestInvalid(f"There is no operation {op!r}.")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RequestInvalid(f"The message makes no sense: {error!r}.") from error
