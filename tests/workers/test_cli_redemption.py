"""The commands on redemptions, coupons and lotteries, on a real database."""

from __future__ import annotations

import csv
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine

from workers.cli.session import Session
from workers.settings import Settings

CODES = 2_500  # two and a half times what the progress bar is told of at once


@pytest.fixture
def stocked(installation: Any) -> Any:
    """The shop with ten mugs."""
    installation.receive("MUG-1", 10, 42_000)
    return installation


def refused(installation: Any, *arguments: str) -> str:
    """Returns the reason that a command is refused with, exit status 2."""
    told: str = installation.run(*arguments, exits=2)
    return told.split()[0]


# -- redemptions ----------------------------------------------------------------------------------


def numbers(installation: Any, *options: str) -> list[str]:
    """Returns the numbers that ``redemptions list`` lists."""
    listed = installation.json("redemptions", "list", *options)["redemptions"]
    return [one["redemption_id"] for one in listed]


def test_redemptions_are_listed_by_status_kind_task_and_member(stocked: Any) -> None:
    stocked.enrol("bob")
    mug, code = stocked.redeem("mug"), stocked.redeem("five-off")
    waits, bobs = stocked.redeem("set"), stocked.redeem("mug", member="bob")
    stocked.run("redemptions", "acknowledge", mug, "--source", "erp", "--order", "S00042")
    assert numbers(stocked) == [mug, code, waits, bobs]
    assert numbers(stocked, "--status", "requested") == [waits]
    assert numbers(stocked, "--status", "held", "--status", "ordered") == [mug, bobs]
    assert numbers(stocked, "--kind", "coupon") == [code]
    assert numbers(stocked, "--task", "order") == [bobs]
    assert numbers(stocked, "--member", "M2") == [bobs]
    assert numbers(stocked, "--member", "external_id:erp:bob") == [bobs]
    table = stocked.run("redemptions", "list")
    assert f"│ {mug} │ ordered   │ 1 × mug      │    100 │ M1     │ 2026-04-01 │ S00042" in table


def test_a_long_list_is_read_page_by_page(stocked: Any) -> None:
    first, second, third = (stocked.redeem("mug") for _ in range(3))
    page = stocked.json("redemptions", "list", "--limit", "2")
    assert [one["redemption_id"] for one in page["redemptions"]] == [first, second]
    assert page["has_more"] is True
    assert f"--after {second}" in stocked.run("redemptions", "list", "--limit", "2")
    rest = stocked.json("redemptions", "list", "--limit", "2", "--after", second)
    assert [one["redemption_id"] for one in rest["redemptions"]] == [third]
    assert rest["has_more"] is False


def test_what_nobody_knows_is_refused(stocked: Any) -> None:
    assert refused(stocked, "redemptions", "list", "--status", "gone") == "NAME_UNKNOWN"
    assert refused(stocked, "redemptions", "list", "--member", "M99") == "MEMBER_NOT_FOUND"
    assert refused(stocked, "redemptions", "list", "--after", "SO-1") == "REDEMPTION_NOT_FOUND"
    assert refused(stocked, "redemptions", "show", "R1") == "REDEMPTION_NOT_FOUND"
    assert refused(stocked, "redemptions", "cancel", "R1", "--by", "bea") == "REDEMPTION_NOT_FOUND"


def test_a_redemption_is_shown_with_every_step_it_took(stocked: Any) -> None:
    number = stocked.redeem("mug", 2)
    stocked.run("redemptions", "acknowledge", number, "--source", "erp", "--order", "S00042")
    stocked.ship(number, 1)
    one = stocked.json("redemptions", "show", number)
    assert (one["status"], one["shipped"], one["points_held"], one["points_spent"]) == (
        *("ordered", 1, 100, 100),
    )
    assert [(step["kind"], step["actor"], step["cause"]) for step in one["steps"]] == [
        ("requested", "till", ""),
        ("ordered", "erp", "order:S00042"),
        ("shipped", "", f"shipment:RS-{number}"),
    ]
    shown = stocked.run("redemptions", "show", number)
    assert f"│ redemption id   │ {number}" in shown
    assert "│ 2026-04-02 12:00 │ shipped   │" in shown


def test_a_waiting_redemption_is_approved_by_somebody_else(stocked: Any) -> None:
    number = stocked.redeem("set", actor="bea")
    decide = ("redemptions", "approve", number)
    assert refused(stocked, *decide, "--by", "bea") == "APPROVER_IS_REQUESTER"
    assert refused(stocked, *decide, "--by", " ") == "FIELD_REQUIRED"
    told = stocked.run(*decide, "--by", "carl", "--reason", "a good customer")
    assert told == f"Redemption {number} is held.\n"
    steps = stocked.json("redemptions", "show", number)["steps"]
    assert (steps[-1]["kind"], steps[-1]["actor"], steps[-1]["reason"]) == (
        *("approved", "carl", "a good customer"),
    )


def test_approving_a_coupon_gives_its_code_out(installation: Any) -> None:
    number = installation.redeem("five-off", 11)  # 5,500 points
    one = installation.json("redemptions", "approve", number, "--by", "bea")
    assert one["status"] == "shipped"
    assert len(installation.json("redemptions", "show", number)["coupons"]) == 11


def test_a_waiting_redemption_is_rejected_and_its_stock_is_free(stocked: Any) -> None:
    number = stocked.redeem("set")
    one = stocked.json("redemptions", "reject", number, "--by", "bea", "--reason", "too dear")
    assert (one["status"], one["points_held"]) == ("rejected", 0)
    assert stocked.json("stock")["levels"][0]["reserved"] == 0
    again = ("redemptions", "approve", number, "--by", "carl")
    assert refused(stocked, *again) == "REDEMPTION_NOT_WAITING"


def test_an_ordered_redemption_is_cancelled_and_the_erp_is_told(stocked: Any) -> None:
    number = stocked.redeem("mug")
    acknowledge = ("redemptions", "acknowledge", number, "--source", "erp")
    assert refused(stocked, *acknowledge) == "FIELD_REQUIRED"
    stocked.run(*acknowledge, "--order", "S00042")
    assert refused(stocked, *acknowledge, "--order", "S00043") == "ORDER_DIFFERS"
    one = stocked.json("redemptions", "cancel", number, "--by", "ann")
    assert (one["status"], one["erp_tasks"]) == ("cancelled", ["cancel"])
    assert numbers(stocked, "--task", "cancel") == [number]
    assert stocked.json(*acknowledge, "--task", "cancel")["erp_tasks"] == []
    assert numbers(stocked, "--task", "cancel") == []


# -- coupons --------------------------------------------------------------------------------------


def codes_of(file: str) -> list[dict[str, str]]:
    """Reads a file of codes."""
    return list(csv.DictReader(Path(file).read_text().splitlines()))


def test_codes_go_into_a_new_file_for_its_owner_and_nowhere_else(installation: Any) -> None:
    generate = ("coupons", "generate", "five-off", "--count", str(CODES), "--out", "codes.csv")
    told = installation.run(*generate)
    file = Path("codes.csv")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = codes_of("codes.csv")
    assert len({row["code"] for row in rows}) == CODES
    assert not any(row["code"] in told for row in rows)
    assert f"{CODES:,} codes of five-off written to codes.csv" in told
    first, last = rows[0], rows[-1]
    assert f"serials {int(first['serial']):,} to {int(last['serial']):,}" in told
    coupon = installation.json("coupons", "show", last["code"])
    assert (str(coupon["serial"]), coupon["status"], coupon["face"]) == (
        *(last["serial"], "generated", "5.00"),
    )
    before = file.read_bytes()
    assert refused(installation, *generate) == "FILE_EXISTS"
    assert file.read_bytes() == before


def test_generating_tells_programs_how_many_and_where(installation: Any) -> None:
    answer = installation.json(
        "coupons", "generate", "five-off", "--count", "10", "--out", "codes.csv"
    )
    assert (answer["count"], answer["last_serial"] - answer["first_serial"]) == (10, 9)
    assert answer["file"] == "codes.csv"


def test_a_reward_without_codes_leaves_no_file(installation: Any) -> None:
    def generate(reward: str) -> str:
        options = ("--count", "1", "--out", "codes.csv")
        return refused(installation, "coupons", "generate", reward, *options)

    assert generate("mug") == "REWARD_NOT_A_COUPON"
    assert generate("nothing") == "REWARD_UNKNOWN"
    assert not Path("codes.csv").exists()


def test_codes_that_were_stored_before_an_error_stay_in_the_file(
    installation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def until_the_database_is_away(*given: Any) -> Any:
        yield 1, "2222-22222-223Y"
        raise OSError("the disk is full")

    monkeypatch.setattr("workers.cli.coupons.generate_codes", until_the_database_is_away)
    told = installation.run(
        "coupons", "generate", "five-off", "--count", "2", "--out", "codes.csv", exits=2
    )
    assert "codes.csv keeps the codes" in told
    assert Path("codes.csv").read_text() == "serial,code\n1,2222-22222-223Y\n"


def test_without_a_key_there_are_no_codes(
    installation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POINTBOOK_COUPON_KEY")
    generate = ("coupons", "generate", "five-off", "--count", "1", "--out", "codes.csv")
    assert refused(installation, *generate) == "COUPON_KEY_MISSING"
    assert not Path("codes.csv").exists()


def test_a_coupon_is_looked_up_by_what_somebody_typed(installation: Any) -> None:
    options = ("--count", "1", "--out", "codes.csv")
    installation.run("coupons", "generate", "five-off", *options)
    number = installation.redeem("five-off", on=installation.at(11, 1))
    (row,) = codes_of("codes.csv")
    typed = row["code"].lower().replace("-", " ")
    coupon = installation.json("coupons", "show", typed)
    assert (coupon["status"], coupon["redemption_id"], coupon["member"]) == ("issued", number, "M1")
    assert coupon["expires_at"].startswith("2026-12-01T23:59:59")
    shown = installation.run("coupons", "show", "-", given=f"{row['code']}\n")
    assert "issued" in shown
    assert row["code"] not in shown
    assert refused(installation, "coupons", "show", row["code"][:-1]) == "COUPON_MISTYPED"
    assert refused(installation, "coupons", "show", "2222-22222-223Y") == "COUPON_NOT_FOUND"


def test_the_coupon_key_is_the_one_that_is_set_else_an_embedded_installations_own(
    tmp_path: Path,
) -> None:
    engine = create_engine("postgresql+psycopg://")
    unset, key = Settings(data_dir=tmp_path, coupon_key=None), SecretStr("k" * 32)
    assert Session(unset, engine).coupon_key is None
    assert list(tmp_path.iterdir()) == []
    own = Session(unset, engine, is_embedded=True).coupon_key
    assert own == (tmp_path / "coupon.key").read_bytes()
    assert Session(unset, engine, is_embedded=True).coupon_key == own
    chosen = Settings(data_dir=tmp_path, coupon_key=key)
    assert Session(chosen, engine, is_embedded=True).coupon_key == b"k" * 32


# -- lotteries ------------------------------------------------------------------------------------


def test_a_lottery_from_its_commitment_to_the_proof(installation: Any) -> None:
    open_one = ("lottery", "open", "raffle", "--by", "bea")
    opened = installation.json(*open_one)
    assert opened["committed"] == "2 x raffle"
    assert refused(installation, *open_one) == "DRAW_OPEN"
    installation.redeem("raffle", 3)
    listed = installation.run("lottery", "list")
    assert opened["commitment"] in listed
    (row,) = installation.json("lottery", "list")
    assert (row["tickets"], row["seed"], row["drawn_at"]) == (3, None, None)
    drawn = installation.json("lottery", "draw", "raffle", "--by", "carl", "--beacon", "DAX 1")
    assert (drawn["tickets"], len(drawn["winners"]), drawn["beacon"]) == (3, 2, "DAX 1")
    assert drawn["winners"][0]["member_id"] == 1
    (row,) = installation.json("lottery", "list", "--reward", "raffle")
    assert (row["seed"], row["opened_by"], row["drawn_by"]) == (drawn["seed"], "bea", "carl")
    checked = installation.json("lottery", "verify", "raffle")
    assert checked["holds"] is True
    (proof,) = checked["draws"]
    assert proof["commitment"] == opened["commitment"]
    assert proof["opened_at_us"] == opened["opened_at_us"]
    assert proof["winners"] == [winner["ticket"] for winner in drawn["winners"]]
    assert len(proof["ticket_numbers"]) == 3


def test_two_seeds_are_never_the_same(installation: Any) -> None:
    seeds = set()
    for _ in range(3):
        installation.run("lottery", "open", "raffle", "--by", "bea")
        seeds.add(installation.json("lottery", "draw", "raffle", "--by", "bea")["seed"])
    assert len(seeds) == 3
    assert {len(seed) for seed in seeds} == {64}


def test_a_draw_that_was_tampered_with_is_exit_status_1(installation: Any) -> None:
    told = installation.run("lottery", "open", "raffle", "--by", "bea")
    installation.redeem("raffle", 5)
    drawn = installation.run("lottery", "draw", "raffle", "--by", "bea")
    assert "2 of 5 tickets win" in drawn
    assert "beacon: none" in drawn
    fair = installation.run("lottery", "verify")
    assert "fair; 2 of 5 tickets won" in fair
    assert told.split()[-1] in fair
    installation.sql("UPDATE draw SET winners = ARRAY[winners[2], winners[1]]")
    unfair = installation.run("lottery", "verify", "--draw", "1", exits=1)
    assert "differs" in unfair
    assert "place 1 was given to" in unfair
    answer = installation.json("lottery", "verify", exits=1)
    assert answer["holds"] is False
    assert len(answer["draws"][0]["differences"]) == 2


def test_what_is_no_lottery_or_not_open_is_refused(installation: Any) -> None:
    assert refused(installation, "lottery", "open", "mug", "--by", "bea") == "REWARD_NOT_A_LOTTERY"
    assert refused(installation, "lottery", "open", "nothing", "--by", "b") == "REWARD_UNKNOWN"
    assert refused(installation, "lottery", "draw", "raffle", "--by", "bea") == "DRAW_NOT_OPEN"
    assert refused(installation, "lottery", "verify", "raffle") == "DRAW_NOT_FOUND"
    assert "No draw has been drawn" in installation.run("lottery", "verify")
    assert "There are no draws" in installation.run("lottery", "list")
