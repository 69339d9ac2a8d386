"""infra/spans.md says what the writer writes, and what the database says of itself."""

import re
from pathlib import Path

import psycopg

from tollgate.adapters.otlp_span import ATTRIBUTES, CALL_ATTRIBUTES
from tollgate.adapters.postgres_spans import COLUMNS

TEXT = (Path(__file__).parents[2] / "infra" / "spans.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (?:`([\w.]+)`)? ?\|", TEXT, re.MULTILINE))
CONVENTION = re.compile(r"^((?:gen_ai|openai|error)\.[\w.]*\w)")
# Not a column, because every call is the same there, or it can be told from the others.
NOT_STORED = {"gen_ai.operation.name", "gen_ai.provider.name"}
# Exported as `tollgate.agent` and `tollgate.upstream_id`.
STORED_ALONE = {"gen_ai.agent.name", "gen_ai.response.id"}


def test_every_column_that_is_written_stands_in_the_table_and_no_other() -> None:
    assert list(ROWS) == [*COLUMNS, "inserted_at", "arrived_in"]


def test_the_database_names_the_same_conventions(database: str) -> None:
    asked = (
        "SELECT attname, coalesce(col_description(attrelid, attnum), '') FROM pg_attribute"
        " WHERE attrelid = 'spans'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    with psycopg.connect(database) as connection:
        comments: dict[str, str] = dict(connection.execute(asked).fetchall())

    assert comments.keys() == ROWS.keys()
    named = {column: CONVENTION.match(comment) for column, comment in comments.items()}
    assert {column: found[1] if found else "" for column, found in named.items()} == ROWS


def test_what_goes_out_over_otlp_has_the_same_names() -> None:
    exported = {name for name in (*CALL_ATTRIBUTES, *ATTRIBUTES) if not name.startswith("tollgate.")}

    assert exported - NOT_STORED == {name for name in ROWS.values() if name} - STORED_ALONE
