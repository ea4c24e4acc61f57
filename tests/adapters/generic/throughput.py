"""Measures how many JSON documents a second become events in a spool, and how many are sent.

python -m tests.adapters.generic.throughput [DOCUMENTS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.backfill import Destination, backfill
from adapters.client import IntakeClient, Target
from adapters.contract import Change
from adapters.json_mapping.mapping import JsonMapping, parse_json_mapping
from adapters.json_mapping.refused import as_body
from adapters.json_mapping.values import parse_json
from adapters.spool import Spool
from tests.adapters.conftest import _running
from tests.adapters.generic import example


class Bodies:
    """Orders of two lines, one in each body, as text."""

    def __init__(self, mapping: JsonMapping, documents: int) -> None:
        self._mapping = mapping
        self._bodies = [
            as_body({"data": [example.order(number=f"SO-{number}")]}) for number in range(documents)
        ]

    def changes(self, cursor: str) -> Iterator[Change]:
        for number, body in enumerate(self._bodies):
            for read in self._mapping.read(parse_json(body)):
                yield from (Change(event, str(number)) for event in read.events)


def main(documents: int) -> None:
    """Prints documents a second, with versions of the source and with versions of the spool."""
    for name, text in (("versioned", example.MAPPING), ("unversioned", example.unversioned())):
        bodies = Bodies(parse_json_mapping(text), documents)
        began = time.perf_counter()
        mapped = sum(1 for _ in bodies.changes(""))
        mapping_seconds = time.perf_counter() - began
        with (
            tempfile.TemporaryDirectory() as folder,
            _running() as intake,
            Spool(Path(folder) / "spool.sqlite3") as spool,
            IntakeClient(Target(intake.address)) as client,
        ):
            began = time.perf_counter()
            backfill(bodies, spool, Destination(client, "shop", "", 500), "measured")
            seconds = time.perf_counter() - began
            assert len(intake.events) == mapped == documents
        sys.stdout.write(
            f"{name}: mapped {documents / mapping_seconds:,.0f}/s, "
            f"mapped, kept and sent {documents / seconds:,.0f}/s\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
