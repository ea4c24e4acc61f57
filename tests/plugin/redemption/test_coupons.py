"""Coupon codes: typing errors are found, what is kept tells no code, and a coupon is redeemed once."""

from __future__ import annotations

import doctest
import hashlib
import hmac
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.redemption import coupons
from plugin.redemption.coupons import (
    ALPHABET,
    CODE_LENGTH,
    STATUS_AFTER,
    CouponAction,
    CouponStatus,
    check_can,
    coupon_code,
    coupon_codes,
    coupon_hash,
    formatted,
    normalised,
)

KEY = b"k" * 32
OTHER_KEY = b"l" * 32
CODE = "222222222223Y"

# 2 is worth 0, 3 is worth 1, Z is worth 30; the weights are 13, 12, … 2 and 1 for the check character.
BY_HAND = [
    "2222222222222",  # 0
    CODE,  # 2 × 1 + 29 (Y) = 31
    "222222222232X",  # 3 × 1 + 28 (X) = 31
    "322222222222M",  # 13 × 1 + 18 (M) = 31
    "ZZZZZZZZZZZZX",  # 90 × 30 + 28 (X) = 2728 = 88 × 31
]
MADE = [coupon_code(KEY, 7, serial) for serial in range(1, 6)]

payloads = st.integers(0, 31**12 - 1)
keys = st.binary(min_size=32, max_size=32)


def is_refused(text: str) -> bool:
    try:
        normalised(text)
    except Rejected as refused:
        return refused.reason == "COUPON_MISTYPED"
    return False


def test_the_worked_numbers_in_docstrings_are_right() -> None:
    found = doctest.testmod(coupons)
    assert found.attempted > 0
    assert found.failed == 0


def test_the_alphabet_is_a_prime_number_of_characters_nobody_confuses() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    assert not set(ALPHABET) & set("01ILO")
    assert all(31 % divisor for divisor in range(2, 31))


@pytest.mark.parametrize("code", BY_HAND)
def test_a_code_whose_check_character_was_worked_out_by_hand_is_right(code: str) -> None:
    assert normalised(code) == code


@pytest.mark.parametrize("code", BY_HAND + MADE)
def test_every_single_wrong_character_is_found(code: str) -> None:
    wrong = [
        code[:place] + other + code[place + 1 :]
        for place in range(CODE_LENGTH)
        for other in ALPHABET
        if other != code[place]
    ]
    assert len(wrong) == 13 * 30
    assert all(is_refused(one) for one in wrong)


@pytest.mark.parametrize("code", BY_HAND + MADE)
def test_every_two_swapped_characters_are_found_next_to_each_other_or_not(code: str) -> None:
    swapped = []
    for left, right in combinations(range(CODE_LENGTH), 2):
        letters = list(code)
        letters[left], letters[right] = letters[right], letters[left]
        swapped.append("".join(letters))
    assert len(swapped) == 78
    assert all(is_refused(one) for one in swapped if one != code)


@given(payloads, st.integers(0, 12), st.integers(1, 30), st.integers(0, 12))
def test_a_wrong_character_or_a_swap_is_found_in_any_code(
    payload: int, place: int, by: int, with_place: int
) -> None:
    code = coupons._code_of(payload)
    other = ALPHABET[(ALPHABET.index(code[place]) + by) % 31]
    assert is_refused(code[:place] + other + code[place + 1 :])
    letters = list(code)
    letters[place], letters[with_place] = letters[with_place], letters[place]
    assert "".join(letters) == code or is_refused("".join(letters))


def test_the_payload_is_the_keyed_hash_of_book_and_serial_in_base_31() -> None:
    digest = hmac.digest(KEY, b"pointbook coupon code 1\n7:42", "sha256")
    rest = int.from_bytes(digest, "big") % 31**12
    payload = ""
    for _ in range(12):
        rest, value = divmod(rest, 31)
        payload = ALPHABET[value] + payload
    assert coupon_code(KEY, 7, 42)[:12] == payload


@given(keys, st.integers(1, 2**31), st.integers(0, 2**62))
def test_a_code_is_told_again_from_its_serial_and_is_always_right(
    key: bytes, book_id: int, serial: int
) -> None:
    code = coupon_code(key, book_id, serial)
    assert code == coupon_code(key, book_id, serial) == normalised(code)
    assert normalised(formatted(code)) == code


def test_another_key_book_or_serial_gives_another_code() -> None:
    codes = {
        coupon_code(key, book_id, serial)
        for key in (KEY, OTHER_KEY)
        for book_id in (1, 11, 111)
        for serial in (1, 11, 111)
    }
    assert len(codes) == 18


def test_neighbouring_serials_share_no_pattern() -> None:
    codes = [code for _, code, _ in coupon_codes(KEY, 1, 1, 3100)]
    assert len({code[:4] for code in codes}) > 3000
    for place in range(12):  # each of 31 characters is expected 100 times: 100 ± 10
        counts = Counter(code[place] for code in codes)
        assert len(counts) == 31
        assert all(50 <= count <= 150 for count in counts.values())


@pytest.mark.parametrize(
    "typed",
    [
        "222222222223Y",
        "2222-22222-223Y",
        "2222 22222 223y",
        " 222222222223y\t\r\n",
        "2222\u00a022222\u00a0223Y",  # the space of a page that must not break
        "2222\u201122222\u2011223Y",  # and its hyphen
        "2222\u201322222\u2013223Y",  # what a word processor makes of a hyphen
        "-2-2-2-2-2-2-2-2-2-2-2-3-y-",
    ],
)
def test_a_code_is_read_however_it_was_spaced_and_in_either_case(typed: str) -> None:
    assert normalised(typed) == CODE
    assert coupon_hash(KEY, typed) == coupon_hash(KEY, CODE)


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "has 0 characters, a code has 13"),
        ("222222222223", "has 12 characters, a code has 13"),
        ("222222222223YY", "has 14 characters, a code has 13"),
        ("2" * 1_000_000, "has 1000000 characters"),
        ("2222-22222-220Y", "character 12 is none that codes are made of"),
        ("O222-22222-223Y", "character 1 is none that codes are made of"),
        ("2222-22222-22lY", "character 12 is none that codes are made of"),
        ("2222_2222223Y", "character 5 is none that codes are made of"),
        ("22222222222ſY", "character 12 is none that codes are made of"),  # upper-cased an S
        ("22222222222\u0663Y", "character 12 is none that codes are made of"),  # Arabic 3
        ("2222-22222-223Z", "last character does not fit the others"),
        ("2222-22222-232Y", "last character does not fit the others"),
    ],
)
def test_a_mistyped_code_is_refused_with_the_rule_it_breaks(typed: str, rule: str) -> None:
    with pytest.raises(Rejected) as refused:
        normalised(typed)
    assert refused.value.reason == "COUPON_MISTYPED"
    assert refused.value.field == "code"
    assert rule in refused.value.message


@pytest.mark.parametrize("code", MADE)
def test_a_refusal_never_repeats_the_code(code: str) -> None:
    for typed in (code[:-1], code + "2", "0" + code[1:], code[1] + code[0] + code[2:]):
        for reading in (normalised, formatted, lambda text: coupon_hash(KEY, text)):
            with pytest.raises(Rejected) as refused:
                reading(typed)
            said = repr(refused.value) + refused.value.message
            assert not any(typed[start : start + 3] in said for start in range(len(typed) - 2))
            assert refused.value.__context__ is None


def test_a_code_is_shown_in_groups_of_four_five_and_four() -> None:
    assert formatted(CODE) == "2222-22222-223Y"
    assert formatted(formatted(CODE)) == "2222-22222-223Y"


def test_what_is_kept_is_a_keyed_hash_of_the_code_under_a_domain_of_its_own() -> None:
    assert coupon_hash(KEY, CODE) == hmac.digest(
        KEY, b"pointbook coupon hash 1\n222222222223Y", "sha256"
    )
    assert coupon_hash(KEY, CODE) != coupon_hash(OTHER_KEY, CODE)
    assert coupon_hash(KEY, CODE) != hashlib.sha256(CODE.encode()).digest()


@given(keys, payloads)
def test_the_hash_never_contains_the_code(key: bytes, payload: int) -> None:
    code = coupons._code_of(payload)
    kept = coupon_hash(key, code)
    assert len(kept) == 32
    assert code.encode() not in kept
    assert code[:8].encode() not in kept
    assert code not in kept.hex().upper()


def test_the_payload_cannot_be_taken_from_the_hash() -> None:
    for _, code, kept in coupon_codes(KEY, 1, 1, 1000):
        assert coupons._code_of(int.from_bytes(kept, "big") % 31**12) != code


@given(keys, st.integers(1, 2**31), st.integers(0, 2**62), st.integers(0, 5))
def test_many_codes_are_those_that_are_made_one_by_one(
    key: bytes, book_id: int, first: int, count: int
) -> None:
    expected = []
    for serial in range(first, first + count):
        code = coupon_code(key, book_id, serial)
        expected.append((serial, code, coupon_hash(key, code)))
    assert list(coupon_codes(key, book_id, first, count)) == expected


def test_a_hundred_thousand_codes_and_their_hashes_are_all_different() -> None:
    made = list(coupon_codes(KEY, 1, 1, 100_000))
    assert [serial for serial, _, _ in made] == list(range(1, 100_001))
    assert len({code for _, code, _ in made}) == 100_000
    assert len({kept for _, _, kept in made}) == 100_000


def test_a_later_batch_goes_on_where_the_first_ended() -> None:
    whole = list(coupon_codes(KEY, 1, 1, 10))
    assert [*coupon_codes(KEY, 1, 1, 4), *coupon_codes(KEY, 1, 5, 6)] == whole


def test_the_numbers_of_a_status_are_those_that_are_stored() -> None:
    assert {status.name: int(status) for status in CouponStatus} == {
        "GENERATED": 1,
        "ISSUED": 2,
        "REDEEMED": 3,
        "EXPIRED": 4,
        "REVOKED": 5,
    }


EXPIRES_AT = 1_000
IN_TIME, LATE = 1_000, 1_001
GENERATED, ISSUED, REDEEMED, EXPIRED, REVOKED = CouponStatus

LIFE: list[tuple[CouponAction, CouponStatus, int, str]] = [
    # action, status, now, refused with
    ("redeem", GENERATED, IN_TIME, "COUPON_NOT_ISSUED"),
    ("redeem", ISSUED, IN_TIME, ""),
    ("redeem", ISSUED, LATE, "COUPON_EXPIRED"),
    ("redeem", REDEEMED, IN_TIME, "COUPON_REDEEMED"),
    ("redeem", EXPIRED, IN_TIME, "COUPON_EXPIRED"),
    ("redeem", REVOKED, IN_TIME, "COUPON_REVOKED"),
    ("reverse", GENERATED, IN_TIME, "COUPON_NOT_REDEEMED"),
    ("reverse", ISSUED, IN_TIME, "COUPON_NOT_REDEEMED"),
    ("reverse", REDEEMED, IN_TIME, ""),
    ("reverse", REDEEMED, LATE, ""),
    ("reverse", EXPIRED, LATE, "COUPON_NOT_REDEEMED"),
    ("reverse", REVOKED, IN_TIME, "COUPON_NOT_REDEEMED"),
    ("expire", GENERATED, LATE, "COUPON_NOT_ISSUED"),
    ("expire", ISSUED, IN_TIME, "COUPON_NOT_EXPIRED"),
    ("expire", ISSUED, LATE, ""),
    ("expire", REDEEMED, LATE, "COUPON_REDEEMED"),
    ("expire", EXPIRED, LATE, "COUPON_EXPIRED"),
    ("expire", REVOKED, LATE, "COUPON_REVOKED"),
    ("revoke", GENERATED, IN_TIME, "COUPON_NOT_ISSUED"),
    ("revoke", ISSUED, IN_TIME, ""),
    ("revoke", ISSUED, LATE, ""),
    ("revoke", REDEEMED, IN_TIME, "COUPON_REDEEMED"),
    ("revoke", EXPIRED, LATE, "COUPON_EXPIRED"),
    ("revoke", REVOKED, IN_TIME, "COUPON_REVOKED"),
]


def reason(action: CouponAction, status: CouponStatus, expires_at: int | None, now: int) -> str:
    try:
        check_can(action, status, expires_at, now)
    except Rejected as refused:
        return refused.reason
    return ""


@pytest.mark.parametrize(("action", "status", "now", "expected"), LIFE)
def test_the_life_of_a_coupon(
    action: CouponAction, status: CouponStatus, now: int, expected: str
) -> None:
    assert reason(action, status, EXPIRES_AT, now) == expected


def test_a_refusal_names_the_coupon_and_the_field() -> None:
    with pytest.raises(Rejected) as refused:
        check_can("redeem", REDEEMED, EXPIRES_AT, IN_TIME)
    assert refused.value.message.startswith("coupon: it was redeemed")
    assert refused.value.field == "code"


def test_the_table_of_a_coupons_life_leaves_nothing_out() -> None:
    told = {(action, status) for action, status, _, _ in LIFE}
    assert told == {(action, status) for action in STATUS_AFTER for status in CouponStatus}


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_an_issued_coupon_can_be_redeemed_or_expire_but_never_both(
    expires_at: int, now: int
) -> None:
    redeemable = reason("redeem", ISSUED, expires_at, now) == ""
    expirable = reason("expire", ISSUED, expires_at, now) == ""
    assert redeemable is not expirable


def test_a_coupon_without_a_date_never_expires() -> None:
    assert reason("redeem", ISSUED, None, 2**62) == ""
    assert reason("expire", ISSUED, None, 2**62) == "COUPON_NOT_EXPIRED"


def test_a_redemption_is_reversed_once_and_the_coupon_is_good_again() -> None:
    steps: list[tuple[CouponAction, str]] = [
        ("redeem", ""),
        ("redeem", "COUPON_REDEEMED"),
        ("reverse", ""),
        ("reverse", "COUPON_NOT_REDEEMED"),
        ("redeem", ""),
        ("reverse", ""),
        ("revoke", ""),
        ("redeem", "COUPON_REVOKED"),
    ]
    status = ISSUED
    for action, expected in steps:
        assert reason(action, status, EXPIRES_AT, IN_TIME) == expected
        status = status if expected else STATUS_AFTER[action]
    assert status == REVOKED


def test_a_coupon_reversed_after_its_date_is_left_to_the_expiry_run() -> None:
    assert reason("reverse", REDEEMED, EXPIRES_AT, LATE) == ""
    assert reason("redeem", STATUS_AFTER["reverse"], EXPIRES_AT, LATE) == "COUPON_EXPIRED"
    assert reason("expire", STATUS_AFTER["reverse"], EXPIRES_AT, LATE) == ""


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STATUS_AFTER)), st.integers(0, 50)), max_size=30),
    st.integers(0, 1000),
)
def test_whatever_happens_each_redemption_is_reversed_at_most_once(
    steps: list[tuple[CouponAction, int]], expires_at: int
) -> None:
    status, now, done = ISSUED, 0, Counter[str]()
    for action, passed in steps:
        now += passed
        if reason(action, status, expires_at, now):
            continue
        status = STATUS_AFTER[action]
        done[action] += 1
        assert done["redeem"] - done["reverse"] == (status == REDEEMED)
        assert done["expire"] + done["revoke"] == (status in (EXPIRED, REVOKED))
