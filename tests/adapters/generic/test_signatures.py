"""Who sent a delivery: vectors, and what an attacker may try."""

from __future__ import annotations

import pytest

from adapters.webhook.signatures import (
    SCHEMES,
    Delivery,
    NotProven,
    frappe,
    jdy,
    pointbook,
    sign,
)

NOW = 1_700_000_000.0
BODY = b'{"number": "SO-7"}'
KEY = b"k1"


def ours(signature: str, timestamp: str = "1700000000", body: bytes = BODY) -> Delivery:
    headers = {"x-pointbook-timestamp": timestamp, "x-pointbook-signature": signature}
    return Delivery(headers, {}, body)


def code(delivery: Delivery, scheme: str = "pointbook", now: float = NOW) -> str:
    with pytest.raises(NotProven) as caught:
        SCHEMES[scheme](delivery, [KEY], now, 300)
    return caught.value.code


def test_our_signature_is_hmac_sha256_over_timestamp_point_and_body() -> None:
    # printf '1700000000.{"number": "SO-7"}' | openssl dgst -sha256 -hmac k1
    said = "v1=dd35d55bc1f91e91672646ab3eb6c78589d2e24b78a1270a62bef291eac6399c"
    assert sign(KEY, 1_700_000_000, BODY) == said
    assert pointbook(ours(said), [KEY], NOW, 300).signature == said


def test_jiandaoyuns_vector_fits_with_and_without_its_prefix() -> None:
    body = b'{"op":"data_create","data":{"_id":"5b17cfd0e5ee2c1234567890"}}'
    said = "b390d80cf5e5c2b75ec299c6765a3b456d9951c6"
    query = {"nonce": "0f5ade", "timestamp": "1498586609"}
    for given in (said, f"sha1={said}"):
        delivery = Delivery({"x-jdy-signature": given}, query, body)
        assert jdy(delivery, [b"old", b"test-secret"], 1_498_586_700, 300).signature == said
    assert code(Delivery({"x-jdy-signature": said}, {}, body), "jdy") == "SIGNATURE_MISSING"
    with pytest.raises(NotProven, match="more than 300 seconds"):
        jdy(Delivery({"x-jdy-signature": said}, query, body), [b"test-secret"], NOW, 300)


def test_frappes_signature_is_base64_of_hmac_sha256_over_the_body_and_proves_no_time() -> None:
    # printf '{"number": "SO-7"}' | openssl dgst -sha256 -hmac k1 -binary | base64
    said = "sP9yfyaFUYiJ8pNKo0tXBKVY+SbOXAyBVmT1qRpQ3MI="
    proof = frappe(Delivery({"x-frappe-webhook-signature": said}, {}, BODY), [KEY], NOW, 300)
    assert proof.signature == ""
    assert (
        code(Delivery({"x-frappe-webhook-signature": "AAAA"}, {}, BODY), "frappe")
        == "SIGNATURE_WRONG"
    )
    assert code(Delivery({}, {}, BODY), "frappe") == "SIGNATURE_MISSING"


def test_any_of_several_signatures_and_any_of_several_secrets_will_do() -> None:
    good = sign(b"new", int(NOW), BODY)
    wrong = sign(b"unknown", int(NOW), BODY)
    for said in (f"{wrong},{good}", f"{good}, {wrong}", f"v2=zz,{good}"):
        assert pointbook(ours(said), [KEY, b"new"], NOW, 300).signature == good


@pytest.mark.parametrize("late", [-300, 0, 300])
def test_inside_the_window_both_ends_included_a_time_is_taken(late: int) -> None:
    pointbook(ours(sign(KEY, int(NOW), BODY)), [KEY], NOW + late, 300)


@pytest.mark.parametrize("late", [-301, 301])
def test_outside_the_window_a_time_is_not_taken(late: int) -> None:
    assert code(ours(sign(KEY, int(NOW), BODY)), now=NOW + late) == "TIMESTAMP_OUTSIDE_WINDOW"


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (ours(sign(KEY, int(NOW), BODY), body=BODY + b" "), "SIGNATURE_WRONG"),
        (ours(sign(KEY, int(NOW), BODY), "1700000001"), "SIGNATURE_WRONG"),
        (ours(sign(b"k2", int(NOW), BODY)), "SIGNATURE_WRONG"),
        (ours(sign(KEY, int(NOW), BODY).upper()), "SIGNATURE_MISSING"),
        (ours(sign(KEY, int(NOW), BODY).removeprefix("v1=")), "SIGNATURE_MISSING"),
        (ours("v1="), "SIGNATURE_WRONG"),
        (ours("v1=\u00e9"), "SIGNATURE_WRONG"),
        (ours(",".join(["v1=0"] * 11)), "SIGNATURE_WRONG"),
        (ours(sign(KEY, int(NOW), BODY), "1700000000.0"), "TIMESTAMP_WRONG"),
        (ours(sign(KEY, int(NOW), BODY), "-1700000000"), "TIMESTAMP_WRONG"),
        (ours(sign(KEY, int(NOW), BODY), "١٧٠٠٠٠٠٠٠٠"), "TIMESTAMP_WRONG"),
        (ours(sign(KEY, int(NOW), BODY), "9" * 5_000), "TIMESTAMP_WRONG"),
        (Delivery({}, {}, BODY), "SIGNATURE_MISSING"),
    ],
)  # fmt: skip
def test_what_an_attacker_may_try_is_not_taken(delivery: Delivery, expected: str) -> None:
    assert code(delivery) == expected
