"""Frappe's times: local to the site, without a zone, cut short in places.

An hour that comes twice a year is read as its first run: what it stamps is then never taken for later than it was,
and a cursor never runs ahead. Reading on from such an hour begins an hour before, for the same reason.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.contract import AdapterError

_TEXT = "%Y-%m-%d %H:%M:%S.%f"


def stamp(text: str, zone: ZoneInfo) -> datetime:
    """Returns a stamp such as "2026-11-23 11:34:03.335595" as an instant.

    Raises:
        AdapterError: It is no stamp.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, TypeError) as error:
        raise AdapterError(f"'{text}' is not a time of ERPNext") from error


def posted(on: str, at: str | None, zone: ZoneInfo) -> datetime:
    """Returns a posting date and time as an instant; without a time, when the day begins.

    Times are not padded: "11:34:2.442765" is two seconds and a bit after 11:34.
    """
    try:
        local = datetime.combine(date.fromisoformat(on), _time(at or ""), zone)
    except (ValueError, TypeError) as error:
        raise AdapterError(f"'{on} {at}' is not a posting time of ERPNext") from error
    return local.astimezone(UTC)


def _time(text: str) -> time:
    if not text:
        return time()
    whole, _, fraction = text.partition(".")
    hour, minute, second = [int(part) for part in whole.split(":")]
    return time(hour, minute, second, int(fraction[:6].ljust(6, "0")) if fraction else 0)


def since_text(since: datetime, zone: ZoneInfo) -> str:
    """Returns the site's local time at an instant, for ``modified >=``.

    In an hour that comes twice it is the hour before: rows of the second run look like rows of the first.
    Berlin, 25 October 2026: 00:49 UTC is 02:49, and 01:05 UTC would be stamped 02:05, before it; so read from 01:49.
    """
    local = since.astimezone(zone).replace(tzinfo=None)
    return (local - _repeats(local, zone)).strftime(_TEXT)


def _repeats(local: datetime, zone: ZoneInfo) -> timedelta:
    first = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    second = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    return max(first - second, timedelta())
