"""Pages of long lists, by the id of the last element shown (AIP-158)."""

from __future__ import annotations

from plugin.errors import Rejected

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000


def page_size(asked: int) -> int:
    """Returns how many elements a page holds: what was asked, at most 1,000, and 100 for 0.

    Raises:
        Rejected: A negative size.
    """
    if asked < 0:
        raise Rejected("PAGE_SIZE_INVALID", "page_size must be 0 or more", "page_size")
    return min(asked or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def page_token(last_id: int) -> str:
    """Returns the token of the page after the element with an id."""
    return format(last_id, "x")


def page_after(token: str) -> int:
    """Returns the id after which a page begins.

    Raises:
        Rejected: The token is not one of ours.
    """
    if not token:
        return 0
    try:
        after = int(token, 16)
    except ValueError:
        after = -1
    if not 0 <= after < 2**63:
        raise Rejected(
            "PAGE_TOKEN_INVALID", "page_token is not one that this service returned", "page_token"
        )
    return after
