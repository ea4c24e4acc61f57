"""How deliveries prove who sent them. Pure: a request and a clock in, what was found out.

Every comparison takes the same time for all signatures, and every secret is tried, the old one after a change, too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

TIMESTAMP_HEADER = "x-pointbook-timestamp"
SIGNATURE_HEADER = "x-pointbook-signature"
FRAPPE_HEADER = "x-frappe-webhook-signature"
JDY_HEADER = "x-jdy-signature"
VERSION_PREFIX = "v1="
SIGNATURES_MAX = 10  # of one request
_TIMESTAMP_DIGITS_MAX = 12

SIGNATURE_MISSING = "SIGNATURE_MISSING"
SIGNATURE_WRONG = "SIGNATURE_WRONG"
TIMESTAMP_WRONG = "TIMESTAMP_WRONG"
TIMESTAMP_OUTSIDE_WINDOW = "TIMESTAMP_OUTSIDE_WINDOW"


class NotProven(Exception):
    """A delivery did not prove who sent it.

    Args:
        code: For programs.
        message: For people; holds nothing secret.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request, as far as signatures go.

    Attributes:
        headers: Names in small letters.
        query: Query parameters.
        body: The raw body.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven.

    Attributes:
        signature: The one that fits, which tells one delivery from another; empty for schemes without a time: there,
            the same signature later may be a new delivery of the same content.
    """

    signature: str


Verify = Callable[[Delivery, Sequence[bytes], float, float], Proof]


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """Returns what ``X-Pointbook-Signature`` has to hold."""
    return VERSION_PREFIX + hmac.digest(secret, b"%d.%b" % (timestamp, body), "sha256").hex()


def pointbook(delivery: Delivery, secrets: Sequence[bytes], now: float, window: float) -> Proof:
    """Checks our own scheme: HMAC-SHA256 over timestamp, a point and the raw body, in hex.

    Raises:
        NotProven: A header is missing, no signature fits, or the time is outside of the window.
    """
    said = [each.strip() for each in delivery.headers.get(SIGNATURE_HEADER, "").split(",")]
    given = [each for each in said if each.startswith(VERSION_PREFIX)]
    if not given or TIMESTAMP_HEADER not in delivery.headers:
        raise NotProven(
            SIGNATURE_MISSING,
            f"{TIMESTAMP_HEADER} and {SIGNATURE_HEADER} ({VERSION_PREFIX}…) are required",
        )
    timestamp = _timestamp(delivery.headers[TIMESTAMP_HEADER])
    expected = (sign(secret, timestamp, delivery.body) for secret in secrets)
    proof = Proof(_fitting(given, expected))
    _within(timestamp, now, window)
    return proof


def jdy(delivery: Delivery, secrets: Sequence[bytes], now: float, window: float) -> Proof:
    """Checks Jiandaoyun's scheme: hex SHA-1 of ``nonce:body:secret:timestamp``, nonce and timestamp in the query.

    Raises:
        NotProven: As ``pointbook``.
    """
    given = delivery.headers.get(JDY_HEADER, "").strip().removeprefix("sha1=")
    nonce, stamp = delivery.query.get("nonce", ""), delivery.query.get("timestamp", "")
    if not (given and nonce and stamp):
        raise NotProven(SIGNATURE_MISSING, f"{JDY_HEADER}, nonce and timestamp are required")
    timestamp = _timestamp(stamp)
    expected = (
        _sha1(b":".join((nonce.encode(), delivery.body, secret, stamp.encode())))
        for secret in secrets
    )
    proof = Proof(_fitting([given], expected))
    _within(timestamp, now, window)
    return proof


def frappe(delivery: Delivery, secrets: Sequence[bytes], now: float, window: float) -> Proof:
    """Checks Frappe's scheme: base64 of HMAC-SHA256 over the raw body. It has no time, so it proves no freshness.

    Raises:
        NotProven: The header is missing or does not fit.
    """
    given = delivery.headers.get(FRAPPE_HEADER, "").strip()
    if not given:
        raise NotProven(SIGNATURE_MISSING, f"{FRAPPE_HEADER} is required")
    _fitting(
        [given],
        (
            base64.b64encode(hmac.digest(secret, delivery.body, "sha256")).decode()
            for secret in secrets
        ),
    )
    return Proof("")


SCHEMES: dict[str, Verify] = {"pointbook": pointbook, "frappe": frappe, "jdy": jdy}
TIMELESS = frozenset({"frappe"})


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()  # noqa: S324 - the vendor's scheme knows no other


def _timestamp(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _TIMESTAMP_DIGITS_MAX):
        raise NotProven(TIMESTAMP_WRONG, "the timestamp is not in whole seconds since 1970")
    return int(text)


def _within(timestamp: int, now: float, window: float) -> None:
    if abs(now - timestamp) > window:
        raise NotProven(
            TIMESTAMP_OUTSIDE_WINDOW,
            f"the timestamp is more than {window:g} seconds from the receiver's clock",
        )


def _fitting(given: Sequence[str], expected: Iterator[str]) -> str:
    """Returns the expected signature that was given; all are compared, so that time tells nothing."""
    if len(given) > SIGNATURES_MAX:
        raise NotProven(SIGNATURE_WRONG, f"more than {SIGNATURES_MAX} signatures were given")
    fitting = ""
    for one in expected:
        for other in given:
            if hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogateescape")):
                fitting = one
    if not fitting:
        raise NotProven(SIGNATURE_WRONG, "no signature fits")
    return fitting
