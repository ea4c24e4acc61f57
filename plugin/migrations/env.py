"""Alembic's entry: runs on the connection that ``plugin.store.schema`` passes in."""

from alembic import context

from plugin.store.tables import metadata


def run() -> None:
    """Runs the migrations in the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
