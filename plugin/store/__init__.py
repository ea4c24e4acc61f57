"""Where everything is kept: PostgreSQL, one page of tables, functions that take a connection first."""
