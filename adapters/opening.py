"""What a settings file opens: the ERP, the spool, the way to Pointbook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.backfill import Destination
from adapters.client import IntakeClient
from adapters.follow import Follower
from adapters.health import Health
from adapters.registry import open_erp
from adapters.settings import AdapterFile
from adapters.spool import Spool, spool_name
from adapters.write_back import RedemptionClient


@dataclass(frozen=True, slots=True)
class Opened:
    """A follower, ready to look, and its parts.

    Attributes:
        follower: Looks, sends and writes back.
        health: What it tells.
        spool_path: Where its spool is.
    """

    follower: Follower
    health: Health
    spool_path: Path


def spool_path(file: AdapterFile) -> Path:
    """Returns where the spool of a source, book and target is."""
    name = spool_name(file.source, file.pointbook.book, file.pointbook.address)
    return file.run.spool / f"{name}.sqlite3"


@contextmanager
def opened(file: AdapterFile) -> Iterator[Opened]:
    """Opens everything a settings file names, and closes it in the end.

    Raises:
        AdapterError: The file, the spool or a secret is not usable.
    """
    target = file.pointbook.target()
    erp = open_erp(file)
    path = spool_path(file)
    health = Health(file.run.interval_seconds)
    try:
        with (
            Spool(path) as spool,
            IntakeClient(target) as client,
            RedemptionClient(
                target, file.source, file.pointbook.book, file.run.write_back_warehouses
            ) as redemptions,
        ):
            spool.begin(f"{file.adapter}@{file.source}@{file.pointbook.book}@{target.address}")
            follower = Follower(
                erp=erp,
                spool=spool,
                to=Destination(client, file.source, file.pointbook.book, file.pointbook.batch),
                redemptions=redemptions if file.run.write_back else None,
                health=health,
                interval_seconds=file.run.interval_seconds,
            )
            yield Opened(follower, health, path)
    finally:
        erp.close()
