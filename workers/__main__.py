"""``python -m workers`` is ``pointbook``."""

from workers.cli import main

main()
