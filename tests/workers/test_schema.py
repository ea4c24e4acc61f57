"""The migrations and the page of tables say the same; what is insert-only is so in the database."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from plugin.store.schema import engine_url
from plugin.store.tables import INSERT_ONLY, PARTITIONED, metadata


def _is_ours(_object: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leaves out the months' partitions, which the migrations create as time goes on, and Alembic's own table."""
    return not (
        kind == "table" and name is not None and ("_p20" in name or name.startswith("alembic"))
    )


def test_migrations_give_exactly_the_tables_on_the_page(database_url: str) -> None:
    engine = create_engine(engine_url(database_url))
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": _is_ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_check_constraints_are_in_the_database_too(database_url: str) -> None:
    """Alembic does not compare these."""
    wanted = {
        constraint.name
        for table in metadata.tables.values()
        for constraint in table.constraints
        if constraint.__visit_name__ in ("check_constraint", "table_or_column_check_constraint")
    }
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c'"
        ).fetchall()
    assert wanted - {name for (name,) in rows} == set()
    assert len(wanted) > 10


@pytest.mark.parametrize("table", INSERT_ONLY)
def test_facts_cannot_be_changed_deleted_or_truncated(database_url: str, table: str) -> None:
    with psycopg.connect(database_url) as connection:
        triggers = {
            name
            for (name,) in connection.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass", (table,)
            )
        }
        assert {"insert_only", "no_truncate"} <= triggers
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(f"TRUNCATE {table}")


@pytest.mark.parametrize("table", PARTITIONED)
def test_a_year_of_partitions_lies_ahead(database_url: str, table: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass", (table,)
        ).fetchone()
    assert row is not None
    assert row[0] >= 13
