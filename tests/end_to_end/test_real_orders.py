"""Orders with known answers through adapter, gRPC, RabbitMQ and two worker processes: exactly those answers, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.bench.cluster import wait_for
from workers.demo.run import DATA

# workers/demo/data/README.md; computed there by a program that knows nothing of ours.
DEMO_ISSUED, DEMO_REVERSED, DEMO_EVENTS = 339_574, 474, 163 + 10_073 + 150

# Published with the data set: 1 point per whole GBP of each completed order, matched returns taken back.
UCI_ISSUED, UCI_REVERSED, UCI_NET = 8_902_670, 464_225, 8_438_445
UCI_MAPPING = (
    Path(__file__).parents[2] / "adapters" / "table" / "mappings" / "uci-online-retail.toml"
)
UCI_PROGRAM = """\
[book]
code = "uci"
currency = "GBP"
time_zone = "Europe/London"

[program]
code = "club"
effective_from = 2010-01-01

[accrual]
trigger = "completed"
unknown_member = "enrol"

[points]
unit_cost = "0.008"

[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }
"""


def _demo_program() -> str:
    return (DATA / "program.toml").read_text()


def _demo_events(read_events: Callable[..., Any]) -> list[Any]:
    members = read_events(DATA / "members.toml", DATA / "members.csv")
    return members + read_events(DATA / "orders.toml", DATA / "orders.csv.xz", DATA / "returns.csv")


def test_the_adapter_sends_a_year_of_baskets_and_the_points_are_the_known_ones(
    install: Callable[..., Any],
) -> None:
    installation = install(_demo_program())
    for mapping, files in (
        ("members.toml", ("--path", str(DATA / "members.csv"))),
        (
            "orders.toml",
            ("--path", str(DATA / "orders.csv.xz"), "--returns", str(DATA / "returns.csv")),
        ),
    ):
        command = [
            sys.executable,
            "-m",
            "adapters",
            "backfill",
            "csv",
            "--json",
            "--config",
            str(DATA / mapping),
        ]
        spool = (
            "--spool",
            str(installation.cluster.folder / mapping),
            "--target",
            installation.cluster.target,
        )
        done = subprocess.run(
            [*command, *files, *spool], capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout)["fine"]
    installation.wait_until_applied()
    assert installation.answers() == {
        "issued": DEMO_ISSUED,
        "reversed": DEMO_REVERSED,
        "parked": 0,
        "received": DEMO_EVENTS,
    }
    installation.assert_books_are_right()


def test_shuffled_and_sent_twice_with_worker_broker_and_server_killed_the_books_are_the_same(
    install: Callable[..., Any],
    read_events: Callable[..., Any],
    shuffled: Callable[..., Any],
    rabbitmq_server: Any,
) -> None:
    installation = install(_demo_program())
    events = shuffled(_demo_events(read_events), seed=20_261_123)
    kill_everything_in_turn(installation, rabbitmq_server, "complete-journey", events)
    assert installation.answers() == {
        "issued": DEMO_ISSUED,
        "reversed": DEMO_REVERSED,
        "parked": 0,
        "received": DEMO_EVENTS,
    }
    # 339,100 points left; each order's lots carry round(points x 0.008), so the sum is not 339,100 x 0.008 = 2712.80.
    assert installation.trial_balance() == {
        "Equity:Loyalty:Issued": {"PTS": "339100"},
        "Expenses:Marketing:Points": {"USD": "2714.52"},
        "Liabilities:Loyalty:Points": {"USD": "-2714.52"},
        "Liabilities:Loyalty:Units": {"PTS": "-339100"},
    }
    installation.assert_books_are_right()


@pytest.mark.full
@pytest.mark.parametrize("run", ["in order", "shuffled and a tenth twice", "shuffled with kills"])
def test_a_year_of_a_wholesaler_gives_exactly_the_published_answers(
    run: str,
    install: Callable[..., Any],
    read_events: Callable[..., Any],
    shuffled: Callable[..., Any],
    rabbitmq_server: Any,
) -> None:
    folder = os.environ.get("POINTBOOK_TEST_UCI")
    if not folder:
        pytest.fail(
            "set POINTBOOK_TEST_UCI to the folder with online_retail.csv.xz and returns_matched.csv.gz"
        )
    data = Path(folder)
    installation = install(UCI_PROGRAM)
    events = read_events(
        UCI_MAPPING, data / "online_retail.csv.xz", data / "returns_matched.csv.gz"
    )
    count = len(events)
    if run != "in order":
        events = shuffled(events, seed=541_909)
    if run == "shuffled with kills":
        kill_everything_in_turn(installation, rabbitmq_server, "uci-online-retail", events)
    else:
        installation.send("uci-online-retail", events)
        installation.wait_until_applied()
    answers = installation.answers()
    assert answers == {
        "issued": UCI_ISSUED,
        "reversed": UCI_REVERSED,
        "parked": 0,
        "received": count,
    }
    assert answers["issued"] - answers["reversed"] == UCI_NET
    completed = "SELECT count(*) FROM order_state o JOIN inbox i ON i.seq = o.order_seq WHERE i.payload LIKE '%%\"status\":3%%'"
    assert installation.one(completed) == 19_959
    balance = installation.trial_balance()
    assert balance["Liabilities:Loyalty:Units"] == {"PTS": f"-{UCI_NET}"}
    # Sum over orders of round(net points x 0.8 pence), computed from the data set by a program that knows nothing of ours.
    assert balance == {
        "Equity:Loyalty:Issued": {"PTS": "8438445"},
        "Expenses:Marketing:Points": {"GBP": "67508.22"},
        "Liabilities:Loyalty:Points": {"GBP": "-67508.22"},
        "Liabilities:Loyalty:Units": {"PTS": "-8438445"},
    }
    installation.assert_books_are_right()


def kill_everything_in_turn(installation: Any, broker: Any, source: str, events: list[Any]) -> None:
    """Sends events; after each quarter is in, kills a worker, the broker or the server, and starts it again.

    The sender is an adapter's client: it tries again until it is answered, and what was committed meanwhile is a duplicate.
    """
    cluster = installation.cluster
    sent = threading.Thread(target=installation.send, args=(source, events, 100))
    total = len({event.event_id for event in events})

    def quarters_in(part: int) -> Callable[[], bool]:
        return lambda: (
            installation.answers()["received"] >= total * part // 4 or not sent.is_alive()
        )

    sent.start()
    for part, kill in enumerate(("work-0", "broker", "serve"), 1):
        assert wait_for(quarters_in(part), 300)
        if kill == "broker":
            broker.kill9()
            broker.start()
            continue
        cluster.kill9(kill)
        cluster.start_one(kill)
        if kill == "serve":
            cluster.wait_until_ready()
    sent.join(600)
    assert not sent.is_alive()
    installation.wait_until_applied()
