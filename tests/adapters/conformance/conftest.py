"""Every ERP there is an adapter for, one after another, with a spool and somewhere to send to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from adapters.backfill import Destination
from adapters.client import IntakeClient, Patience, Target
from adapters.contract import Erp
from adapters.follow import Follower
from adapters.health import Health
from adapters.numbering import Identity, identity
from adapters.spool import Spool
from pointbook.v1 import events_pb2
from tests.adapters.conformance.shop import Shop
from tests.adapters.erpnext.fake import open_shop as open_erpnext
from tests.adapters.odoo.fake import open_shop as open_odoo

SHOPS: dict[str, Callable[[], AbstractContextManager[Shop]]] = {
    "erpnext": open_erpnext,
    "odoo-17": partial(open_odoo, "17", "jsonrpc"),
    "odoo-19": partial(open_odoo, "19", "jsonrpc"),
    "odoo-19-json2": partial(open_odoo, "19", "json2"),
}
IMPATIENT = Patience(
    attempts_max=2, delay_seconds_first=0.01, delay_seconds_max=0.01, deadline_seconds=5
)


@pytest.fixture(params=sorted(SHOPS))
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with SHOPS[request.param]() as opened:
        yield opened


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
