"""Alembic migrations. They run from the installed wheel: see ``plugin.store.schema``."""
