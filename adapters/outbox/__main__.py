"""Lets ``python -m adapters.outbox`` be the relay's command line."""

from adapters.outbox.cli import main

main()
