"""A connection as plain JSON values: what its item keeps, and what the sync tells the function that stores."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from tollgate.domain.connection import Connection, Environment


def connection_record(connection: Connection) -> dict[str, Any]:
    values = {field.name: getattr(connection, field.name) for field in fields(Connection)}
    return values | {"added_at": connection.added_at.isoformat() if connection.added_at else None}


def connection_from(record: Mapping[str, Any]) -> Connection:
    """The inverse of `connection_record`. Raises ValueError for anything else."""
    try:
        added_at = record["added_at"]
        return Connection(
            **{
                **record,
                "environment": Environment(record["environment"]),
                "added_at": datetime.fromisoformat(added_at) if added_at else None,
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a connection: {error}") from error
