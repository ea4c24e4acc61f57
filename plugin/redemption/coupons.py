"""Coupon codes that can be typed, told again and not be guessed, and the life of a coupon.

A code is worth money to whoever reads it, so the database keeps only a keyed hash of it. The code itself is a function of a
key, the book and the coupon's serial number: with the key it can be told to its owner once more, without the key neither the
serial nor the hash tells anything. Both uses of the key are apart by their domain, so one key serves both. The key
has to be at least 32 random bytes, and to be kept as long as its coupons live: under another key they would be unknown.

A code has 12 characters of payload, 31**12 = 787,662,783,788,549,761 possibilities (59 bits). With a million coupons out, one
guess in 788 billion hits. Two serials get the same code with odds of 1 in 158 million among 100,000 coupons: the hash has to
be unique where it is kept, and a serial that meets a known hash is skipped.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from enum import IntEnum
from typing import Literal

from plugin.errors import Rejected

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""31 characters, a prime number; without 0 and O, 1, I and L, which people take for each other."""

PAYLOAD_LENGTH = 12
CODE_LENGTH = PAYLOAD_LENGTH + 1
"""The payload and one check character."""

_BASE = len(ALPHABET)
_PAYLOADS: int = _BASE**PAYLOAD_LENGTH
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_CODE_DOMAIN = b"pointbook coupon code 1\n"
_HASH_DOMAIN = b"pointbook coupon hash 1\n"

# Pages and mails put in their own spaces and hyphens so that a code does not break across lines, a copied cell ends in a tab.
# Only ASCII letters are upper-cased: str.upper() would make two letters of ß and read ſ as S.
_AS_MEANT = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    " \t\r\n\u00a0\u202f-\u2010\u2011\u2012\u2013",
)


def coupon_code(key: bytes, book_id: int, serial: int) -> str:
    """Returns the code of a coupon: 13 characters, without hyphens.

    The payload is HMAC-SHA256 of book and serial, as an integer modulo 31**12. The modulus makes some payloads likelier
    than others by less than one part in 2**196, which nobody can measure: no drawing again is needed.

    >>> coupon_code(b"k" * 32, 1, 1)
    '4DBSPD9HVP4DH'
    >>> coupon_code(b"k" * 32, 1, 2)
    '6B5YQEH2YT42W'
    """
    return _code_of(_payload(hmac.new(key, _CODE_DOMAIN, "sha256"), book_id, serial))


def coupon_hash(key: bytes, code: str) -> bytes:
    """Returns the 32 bytes under which a code, as somebody typed it, is found in the database.

    Keyed, as a plain hash of 59 bits is found by trying them all.

    >>> key = b"k" * 32
    >>> coupon_hash(key, "4DBS-PD9HV-P4DH") == coupon_hash(key, "4dbs pd9hv p4dh")
    True

    Raises:
        Rejected: The code is mistyped; see `normalised`.
    """
    return _hash_of(hmac.new(key, _HASH_DOMAIN, "sha256"), normalised(code))


def coupon_codes(
    key: bytes, book_id: int, first_serial: int, count: int
) -> Iterator[tuple[int, str, bytes]]:
    """Yields serial, code and hash of ``count`` coupons, the same that the functions for one return.

    The key is set up once and not twice a coupon, and a code just made is not checked for typing errors.

    >>> key = b"k" * 32
    >>> [(serial, code) for serial, code, kept in coupon_codes(key, 1, 1, 2)]
    [(1, '4DBSPD9HVP4DH'), (2, '6B5YQEH2YT42W')]
    """
    for_code = hmac.new(key, _CODE_DOMAIN, "sha256")
    for_hash = hmac.new(key, _HASH_DOMAIN, "sha256")
    for serial in range(first_serial, first_serial + count):
        code = _code_of(_payload(for_code, book_id, serial))
        yield serial, code, _hash_of(for_hash, code)


def normalised(text: str) -> str:
    """Returns the code that somebody typed: upper case, without spaces and hyphens, its check character right.

    >>> normalised(" 2222-22222 223y")
    '222222222223Y'

    Raises:
        Rejected: Length, alphabet or check character is wrong. The message names the rule and never repeats the code: one
            wrong character is easily put right by whoever reads the log.
    """
    code = text.translate(_AS_MEANT)
    if len(code) != CODE_LENGTH:
        raise _mistyped(f"it has {len(code)} characters, a code has {CODE_LENGTH}")
    for place, character in enumerate(code, 1):
        if character not in _VALUE:
            raise _mistyped(
                f"character {place} is none that codes are made of: 2 to 9, A to Z without I, L and O"
            )
    if _weighted_sum(code) % _BASE:
        raise _mistyped(
            "its last character does not fit the others: one is wrong or two are swapped"
        )
    return code


def formatted(code: str) -> str:
    """Writes a code for people, in groups of 4, 5 and 4: three breaths when read aloud, none too long to remember.

    >>> formatted("222222222223Y")
    '2222-22222-223Y'

    Raises:
        Rejected: It is no code; see `normalised`.
    """
    plain = normalised(code)
    return f"{plain[:4]}-{plain[4:9]}-{plain[9:]}"


def _mistyped(rule: str) -> Rejected:
    return Rejected("COUPON_MISTYPED", f"coupon code: {rule}", "code")


def _payload(keyed: hmac.HMAC, book_id: int, serial: int) -> int:
    one = keyed.copy()
    one.update(b"%d:%d" % (book_id, serial))
    return int.from_bytes(one.digest(), "big") % _PAYLOADS


def _hash_of(keyed: hmac.HMAC, code: str) -> bytes:
    one = keyed.copy()
    one.update(code.encode())
    return one.digest()


def _code_of(payload: int) -> str:
    """Writes a payload in base 31 and adds the check character that makes the weighted sum a multiple of 31.

    Worked: payload 1 is eleven 2 and a 3; the 3 is worth 1 and weighs 2, 2 + 29 is 31, and 29 is Y.

    >>> _code_of(1), _code_of(31)
    ('222222222223Y', '222222222232X')
    """
    characters = []
    total = 0
    for weight in range(2, CODE_LENGTH + 1):  # the last character first
        payload, value = divmod(payload, _BASE)
        total += weight * value
        characters.append(ALPHABET[value])
    return "".join(reversed(characters)) + ALPHABET[-total % _BASE]


def _weighted_sum(code: str) -> int:
    """Returns the sum of what the characters are worth times 13, 12, … 1, a multiple of 31 when the code is right.

    ISBN-10 does the same with 11. A wrong character changes the sum by its weight times a difference of values, two
    characters swapped (next to each other or not) by the difference of their weights times the difference of their values. None
    of these factors is 0 or reaches 31, and a prime divides a product only if it divides a factor. So every single wrong
    character and every swap is found; of anything else, 30 in 31.

    >>> _weighted_sum("222222222223Y")
    31
    """
    return sum(
        weight * _VALUE[character]
        for weight, character in zip(range(CODE_LENGTH, 0, -1), code, strict=True)
    )


class CouponStatus(IntEnum):
    """Status of a coupon as it is stored; never renumber."""

    GENERATED = 1
    ISSUED = 2
    REDEEMED = 3
    EXPIRED = 4
    REVOKED = 5


CouponAction = Literal["redeem", "reverse", "expire", "revoke"]

STATUS_AFTER: dict[CouponAction, CouponStatus] = {
    "redeem": CouponStatus.REDEEMED,
    "reverse": CouponStatus.ISSUED,
    "expire": CouponStatus.EXPIRED,
    "revoke": CouponStatus.REVOKED,
}
"""What a coupon is once the action was allowed and done."""

_NOT_ISSUED = {
    CouponStatus.GENERATED: ("COUPON_NOT_ISSUED", "it was issued to nobody yet"),
    CouponStatus.REDEEMED: ("COUPON_REDEEMED", "it was redeemed, and is good for one redemption"),
    CouponStatus.EXPIRED: ("COUPON_EXPIRED", "it has expired"),
    CouponStatus.REVOKED: ("COUPON_REVOKED", "it was revoked with the redemption it came from"),
}


def check_can(action: CouponAction, status: CouponStatus, expires_at: int | None, now: int) -> None:
    """Refuses what a coupon cannot undergo; `STATUS_AFTER` tells what it is afterwards.

    A coupon is redeemed, expired or revoked only while it is issued, and reversed only while it is redeemed: every action turns
    the coupon into what the same action refuses, so each happens once, and a reversal once per redemption. A
    reversed coupon keeps its date; one whose date went by meanwhile is left to the expiry run.

    Args:
        action: What is about to happen.
        status: What the coupon is.
        expires_at: Last microsecond in which it can be redeemed, None for ever. At any time it can either be redeemed or
            expire, never both.
        now: The present, in microseconds.

    >>> check_can("redeem", CouponStatus.ISSUED, expires_at=100, now=100)
    >>> check_can("expire", CouponStatus.ISSUED, expires_at=100, now=101)
    >>> check_can("redeem", CouponStatus.ISSUED, expires_at=100, now=101)
    Traceback (most recent call last):
    plugin.errors.Rejected: coupon: it has expired

    Raises:
        Rejected: It cannot: COUPON_NOT_ISSUED, COUPON_REDEEMED, COUPON_EXPIRED, COUPON_REVOKED; COUPON_NOT_REDEEMED for a
            reversal, COUPON_NOT_EXPIRED for an expiry before its time.
    """
    if action == "reverse":
        if status != CouponStatus.REDEEMED:
            raise _refused("COUPON_NOT_REDEEMED", "it is not redeemed, or was reversed already")
        return
    if status != CouponStatus.ISSUED:
        raise _refused(*_NOT_ISSUED[status])
    is_past = expires_at is not None and now > expires_at
    if action == "redeem" and is_past:
        raise _refused(*_NOT_ISSUED[CouponStatus.EXPIRED])
    if action == "expire" and not is_past:
        raise _refused("COUPON_NOT_EXPIRED", "it can still be redeemed")


def _refused(reason: str, rule: str) -> Rejected:
    return Rejected(reason, f"coupon: {rule}", "code")
