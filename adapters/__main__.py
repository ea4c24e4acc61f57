"""``python -m adapters`` is ``pointbook-adapter``."""

from adapters.cli import main

main()
