"""The command line ``pointbook``: rich tables for people, ``--json`` for programs, exit status 0, 1 or 2."""

from workers.cli.app import main

__all__ = ["main"]
