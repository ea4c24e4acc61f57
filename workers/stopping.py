"""How a process hears that it should stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def stop_signal() -> Callable[[float], bool]:
    """Returns a function that waits so many seconds and tells whether SIGTERM or SIGINT came."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping.wait
