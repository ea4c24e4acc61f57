"""``make bench-adapters`` runs and says what it should; how fast anything was is for people to judge."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.bench.measuring import Wrong, pull
from tests.adapters.bench.sources import SOURCES, First, Opened

ROOT = Path(__file__).parents[3]
FIGURES = {
    "documents",
    "seconds",
    "documents_per_s",
    "adapter_us",
    "source_us",
    "intake_us",
    "adapter_share",
}


def test_every_source_is_measured_beside_the_textbook_design() -> None:
    options = ["--documents", "20", "--textbook-documents", "10", "--no-tryton", "--json"]
    run = subprocess.run(
        [sys.executable, "-m", "tests.adapters.bench", *options],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["wrong"] == []
    assert set(answer["sources"]) == {*SOURCES, "webhook"} - {"tryton"}
    for name, each in answer["sources"].items():
        assert f"{name}: 20 documents" in run.stderr
        assert each["documents"] >= 20
        assert each["adapter_us"] > 0
        assert set(each) - {"textbook", "ratio", "ratio_processor"} == FIGURES
        if name != "webhook":
            assert set(each["textbook"]) == FIGURES
            assert each["textbook"]["documents"] == 10
    assert answer["sources"]["csv"]["source_us"] is None
    assert answer["sources"]["odoo-17"]["source_us"] is not None


def test_a_document_that_does_not_arrive_is_told(tmp_path: Path) -> None:
    @contextmanager
    def forgetful(documents: int) -> Iterator[Opened]:
        with SOURCES["json"](documents) as whole:
            yield replace(whole, open=lambda *given: First(whole.open(*given), documents - 1))

    with pytest.raises(Wrong, match=r"'order': 12.*'order': 11"):
        pull(forgetful, 12, tmp_path)
