"""The four kinds of errors, each with one answer everywhere."""

from __future__ import annotations


class PointbookError(Exception):
    """An error that people and programs can act on.

    Args:
        reason: Machine-readable code, UPPER_SNAKE, stable.
        message: A sentence that names the thing and the rule.
        field: Path of the offending field, such as ``order.lines[2].quantity``; empty when none.
    """

    def __init__(self, reason: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


class Rejected(PointbookError):
    """The caller is wrong. Never retried; an event is refused at intake or parked with the reason."""


class Conflict(PointbookError):
    """The same id came with other content. Refused and recorded; nothing changes."""


class Unavailable(PointbookError):
    """Something we need is away for the moment. Retried with backoff."""


class Corrupt(PointbookError):
    """The books differ from themselves. Work stops and somebody is told."""
