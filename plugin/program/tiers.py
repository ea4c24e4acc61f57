"""Tiers: which one a member had at an instant, from history."""

from __future__ import annotations

from collections.abc import Iterable

from plugin.events import TierGrant


def tier_at(history: Iterable[TierGrant], at: int, default: str) -> str:
    """Returns the tier that held at ``at`` (microseconds UTC): the latest grant not after it, or the default.

    Of two grants at one instant the later in the list holds.
    """
    tier, since = default, None
    for grant in history:
        if grant.from_at <= at and (since is None or grant.from_at >= since):
            tier, since = grant.tier, grant.from_at
    return tier
