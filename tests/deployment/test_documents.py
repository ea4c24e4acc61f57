"""What the documents claim and a machine can check: the first example runs, tables are complete, links lead somewhere."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from pointbook.v1 import intake_pb2, members_pb2
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BINARIES = Path(sys.executable).parent
REASON = re.compile(r'"([A-Z][A-Z_]+_[A-Z_]+|NEGATIVE)"')


def section(document: str, begins: str) -> str:
    """Returns the text of a document from a line on, up to the next heading."""
    text = (ROOT / document).read_text().split(begins, 1)[1]
    return re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0]


def reasons(*paths: str) -> set[str]:
    return {found for path in paths for found in REASON.findall((ROOT / path).read_text())}


def test_the_first_example_of_the_readme_works(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    part = section("README.md", "## A first event")
    command = re.search(r"^\$ \.venv/bin/pointbook (up .*)$", part, re.MULTILINE)
    program = re.search(r"^```python\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    assert command is not None
    assert program is not None
    output = tmp_path / "up.output"
    words = [*command[1].split(), "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")]
    with (
        output.open("wb") as told,
        subprocess.Popen(
            [BINARIES / "pointbook", *words], cwd=ROOT, stdout=told, stderr=told
        ) as up,
    ):
        try:
            found = eventually(
                lambda: up.poll() is not None or re.search(r"at (127\S+:\d+);", output.read_text()),
                within=120,
            )
            assert found is not True, output.read_text()
            runnable = program[1].replace("127.0.0.1:50051", found[1])
            assert runnable != program[1]
            for outcome in ("EVENT_OUTCOME_ACCEPTED", "EVENT_OUTCOME_DUPLICATE"):
                ran = subprocess.run(
                    [sys.executable, "-c", runnable], capture_output=True, text=True, timeout=60
                )
                assert outcome in ran.stdout, ran.stdout + ran.stderr
                assert "[('accrued', 19)]" in ran.stdout
        finally:
            up.send_signal(signal.SIGTERM)
    assert up.returncode == 0, output.read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", document.read_text()
    ):
        linked = (document.parent / target).resolve() if target else document
        assert linked.exists(), f"{target} is not there"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, f"{target} has no heading #{anchor}"


def test_the_table_of_settings_is_complete_and_true() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (?:`(.*?)`|–) \|",
        section("docs/operations.md", "| `POINTBOOK_…`"),
        re.MULTILINE,
    )
    defaults = {
        name.upper(): field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
    }
    expected = {n: "" if value is None else str(value) for n, value in defaults.items()}
    assert dict(rows) == expected


def test_every_reason_for_rejecting_an_event_is_documented() -> None:
    raised = reasons(
        "plugin/services/wire.py", "plugin/services/intake.py", "plugin/services/collector.py"
    )
    assert raised
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/integration.md").read_text()))
    assert raised - {"CONTENT_DIFFERS"} <= documented


def test_every_reason_for_parking_is_documented() -> None:
    handlers = [
        path.relative_to(ROOT).as_posix() for path in (ROOT / "workers/handlers").glob("*.py")
    ]
    raised = reasons(*handlers) - {"BOOK_MISSING"}
    documented = set(
        re.findall(
            r"^\| `([A-Z_]+)`", section("docs/operations.md", "## Parked events"), re.MULTILINE
        )
    )
    assert documented == raised


def test_the_requests_in_the_integrators_examples_are_valid() -> None:
    text = (ROOT / "docs/integration.md").read_text()
    batch = text.split("<<'JSON'\n")[1].split("\nJSON\n")[0]
    request = json_format.Parse(batch, intake_pb2.RecordEventsRequest())
    assert request.events[0].order.lines[0].amount_minor == 1999
    event, balance = re.findall(r"-d '(\{.*?\})'", text)
    assert (
        json_format.Parse(event, intake_pb2.GetEventRequest()).event_id
        == request.events[0].event_id
    )
    assert json_format.Parse(balance, members_pb2.GetBalanceRequest()).selector.source == "erp"
