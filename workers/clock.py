"""The clock, read at the edge only."""

from __future__ import annotations

from datetime import UTC, datetime


def now_us() -> int:
    """Returns the present instant in microseconds UTC."""
    now = datetime.now(UTC)
    return int(now.timestamp()) * 1_000_000 + now.microsecond
