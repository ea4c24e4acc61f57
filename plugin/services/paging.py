"""Pages of long lists, by the id of the last element shown (AIP-158)."""

from __future__ import annotations

from plugin.errors import Rejected
from plugin.services.fields import ID_LENGTH_MAX

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000


def page_size(asked: int, default: int = PAGE_SIZE_DEFAULT, most: int = PAGE_SIZE_MAX) -> int:
    """Returns how many elements a page holds: what was asked, at most 1,000, and 100 for 0, unless a list has other limits.

    Raises:
        Rejected: A negative size.
    """
    if asked < 0:
        raise Rejected("PAGE_SIZE_INVALID", "page_size must be 0 or more", "page_size")
    return min(asked or default, most)


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
        raise _foreign_token()
    return after


def text_page_token(last_id: str) -> str:
    """Returns the token of the page after the element with an id that is text.

    >>> text_page_token("SO-7")
    '534f2d37'
    """
    return last_id.encode().hex()


def text_page_after(token: str) -> str:
    """Returns the id, printable ASCII, after which a page begins; empty for the first page.

    Raises:
        Rejected: The token is not one of ours.
    """
    try:
        after = bytes.fromhex(token).decode("ascii")
    except ValueError:
        raise _foreign_token() from None
    if len(after) > ID_LENGTH_MAX or not after.isprintable():
        raise _foreign_token()
    return after


def _foreign_token() -> Rejected:
    return Rejected(
        "PAGE_TOKEN_INVALID", "page_token is not one that this service returned", "page_token"
    )
