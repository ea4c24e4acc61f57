"""Every ERP there is an adapter for, one after another, with a spool and somewhere to send to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adapters.backfill import Destination
from adapters.client import IntakeClient, Patience, Target
from adapters.contract import Erp
from adapters.follow import Follower
from adapters.health import Health
from adapters.numbering import Identity, identity
from adapters.spool import Spool
from pointbook.v1 import events_pb2
from tests.adapters.conformance.shop import Abilities, Shop
from tests.adapters.conftest import FakeIntake
from tests.adapters.erpnext.fake import FakeShop
from tests.adapters.erpnext.fake import open_shop as open_erpnext
from tests.adapters.generic.rest_shop import RestShop
from tests.adapters.generic.rest_shop import open_shop as open_rest
from tests.adapters.odoo.fake import OdooShop
from tests.adapters.odoo.fake import open_shop as open_odoo
from tests.adapters.tryton.shop import TrytonShop
from tests.adapters.tryton.shop import open_shop as open_tryton


class Kind(NamedTuple):
    """An ERP: how a shop on it is opened, and what it can do, known before it is."""

    open: Callable[[], AbstractContextManager[Shop]]
    abilities: Abilities


SHOPS = {
    "erpnext": Kind(open_erpnext, FakeShop.abilities),
    "odoo-17": Kind(partial(open_odoo, "17", "jsonrpc"), OdooShop.abilities),
    "odoo-19": Kind(partial(open_odoo, "19", "jsonrpc"), OdooShop.abilities),
    "odoo-19-json2": Kind(partial(open_odoo, "19", "json2"), OdooShop.abilities),
    "rest": Kind(open_rest, RestShop.abilities),
    "tryton": Kind(open_tryton, TrytonShop.abilities),
}
IMPATIENT = Patience(
    attempts_max=2, delay_seconds_first=0.01, delay_seconds_max=0.01, deadline_seconds=5
)


@pytest.fixture(params=sorted(SHOPS))
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with SHOPS[request.param].open() as opened:
        yield opened


def those_where(is_so: Callable[[Abilities], bool]) -> pytest.MarkDecorator:
    """Returns a mark that runs a test only on ERPs with some abilities; what others do instead is another test."""
    names = sorted(name for name, kind in SHOPS.items() if is_so(kind.abilities))
    return pytest.mark.parametrize("shop", names, indirect=True)


@dataclass
class Following:
    """A follower whose spool outlives it."""

    path: Path
    address: str
    health: Health = field(default_factory=lambda: Health(10))

    @contextmanager
    def of(self, erp: Erp) -> Iterator[Follower]:
        target = Target(self.address)
        with Spool(self.path) as spool, IntakeClient(target, IMPATIENT) as client:
            spool.begin("test")
            to = Destination(client, "shop", "", 7)
            yield Follower(erp, spool, to, None, self.health, 10)

    def look(self, erp: Erp) -> bool:
        with self.of(erp) as follower:
            return follower.look()


def standing(events: list[events_pb2.Event]) -> dict[Identity, events_pb2.Event]:
    """Returns each document at its highest version, as Pointbook keeps it."""
    known: dict[Identity, events_pb2.Event] = {}
    for event in events:
        at = identity(event)
        document = getattr(event, at.kind)
        if at not in known or document.version > getattr(known[at], at.kind).version:
            known[at] = event
    return known


@pytest.fixture
def following(tmp_path: Path, intake: FakeIntake) -> Following:
    return Following(tmp_path / "shop.sqlite3", intake.address)


def sent(intake: FakeIntake) -> list[events_pb2.Event]:
    """Returns every event that was sent, as often as it was."""
    return [event for request in intake.requests for event in request.events]


def arrived(intake: FakeIntake) -> dict[Identity, events_pb2.Event]:
    """Returns the documents as they stand at Pointbook."""
    return standing(list(intake.events.values()))


def order_of(intake: FakeIntake, number: str) -> Any:
    """Returns an order as it stands."""
    return arrived(intake)[Identity("order", number)].order


def of(intake: FakeIntake, kind: str) -> list[Any]:
    """Returns the documents of a kind as they stand."""
    return [getattr(event, kind) for at, event in arrived(intake).items() if at.kind == kind]
