"""What the documents claim and a machine can check: the first example runs, tables are complete, links lead somewhere."""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc import code_pb2

from accounting.chart import Account
from plugin.errors import Conflict, PointbookError, Rejected, Unavailable
from plugin.facts import FactKind
from plugin.redemption.life import StepKind
from plugin.services.errors import to_status
from plugin.store.documents import Collision
from pointbook.v1 import intake_pb2, members_pb2
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BINARIES = Path(sys.executable).parent
REASON = re.compile(r"[A-Z]+(_[A-Z]+)+|NEGATIVE|COLLISION").fullmatch
ERRORS: Mapping[str, type[PointbookError]] = {
    one.__name__: one for one in (Rejected, Conflict, Unavailable)
}

REDEMPTION_CALLS = (
    *("plugin/services/redemptions.py", "plugin/services/reward_list.py"),
    *("plugin/services/paging.py", "plugin/points/holds.py", "plugin/redemption/request.py"),
    *("plugin/redemption/life.py", "plugin/redemption/coupons.py", "workers/counter.py"),
    *("workers/handlers/requests.py", "workers/handlers/desk.py"),
    *("workers/handlers/decisions.py", "workers/handlers/vouchers.py"),
)
"""Modules that a call of RedemptionService goes through, and that only such calls do."""

NOT_OF_CALLS = {
    "COUNT_OUT_OF_RANGE",  # generating codes is for the command line
    "REWARD_NOT_A_COUPON",
    "COUPON_NOT_EXPIRED",  # so is expiring them for the schedule
}


def section(document: str, begins: str) -> str:
    """Returns the text of a document from a line on, up to the next heading."""
    text = (ROOT / document).read_text().split(begins, 1)[1]
    return re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0]


def reasons(source: str) -> dict[str, type[PointbookError]]:
    """Returns the reasons that stand in some code, with the kind of error each belongs to."""
    found: dict[str, type[PointbookError]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            kind = ERRORS.get(node.func.id)
            for reason in texts(node.args[0]) if kind is not None and node.args else ():
                found[reason] = kind or Rejected
        for reason in texts(node) if isinstance(node, ast.Constant) else ():
            found.setdefault(reason, Rejected)
    return found


def texts(node: ast.AST) -> set[str]:
    """Returns the reasons within an expression."""
    values = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return {value for value in values if isinstance(value, str) and REASON(value)}


def code(*paths: str) -> str:
    return "\n".join((ROOT / path).read_text() for path in paths)


def functions(path: str, names: set[str]) -> str:
    """Returns the functions of a module that have these names."""
    nodes = ast.parse(code(path)).body
    found = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name in names]
    return "\n" + "\n".join(ast.unparse(node) for node in found)


def parking_reasons(module: ast.Module) -> Iterator[tuple[ast.Call, set[str]]]:
    """Yields every ``Parking(…)`` with the reasons that it may be given: written there, or assigned in the same function."""
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef):
            continue
        assigned: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, set()).update(texts(node.value))
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Parking"
            ):
                reason = node.args[1]
                named = assigned.get(reason.id, set()) if isinstance(reason, ast.Name) else set()
                yield node, texts(reason) | named


def refusal_reasons(module: ast.Module) -> set[str]:
    """Returns the reasons of functions that answer with reason and message, or perhaps with None."""
    return {
        reason
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef)
        and function.returns is not None
        and ast.unparse(function.returns).removesuffix(" | None") == "tuple[str, str]"
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
        for reason in texts(node.value.elts[0])
    }


def first_cells(part: str) -> dict[str, str]:
    """Returns what stands in the second cell of a table by each code in the first."""
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]*?) \|", part, re.MULTILINE)
    return {name: second for names, second in rows for name in re.findall(r"`(\w+)`", names)}


def example(part: str, target: str) -> str:
    """Returns the Python program of a section, for a server that listens elsewhere."""
    program = re.search(r"^```python\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    assert program is not None
    assert "127.0.0.1:50051" in program[1]
    return program[1].replace("127.0.0.1:50051", target)


def run(program: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_examples_of_the_documents_work(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    first = section("README.md", "## A first event")
    command = re.search(r"^\$ \.venv/bin/pointbook (up .*)$", first, re.MULTILINE)
    assert command is not None
    redeeming = code("docs/redemption.md").split("## An example", 1)[1]
    printed = re.search(r"^```console\n(.*?)^```", redeeming, re.DOTALL | re.MULTILINE)
    assert printed is not None
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
            for outcome in ("EVENT_OUTCOME_ACCEPTED", "EVENT_OUTCOME_DUPLICATE"):
                said = run(example(first, found[1]))
                assert outcome in said
                assert "[('accrued', 19)]" in said
            assert run(example(redeeming, found[1])) == printed[1]
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


def test_every_role_of_an_account_is_documented() -> None:
    row = re.search(
        r"^\| `ACCOUNTS` .* Roles: (.*)\. \|$", code("docs/operations.md"), re.MULTILINE
    )
    assert row is not None
    assert row[1].split(", ") == [account.name.lower() for account in Account]


def test_every_reason_for_rejecting_an_event_is_documented() -> None:
    services = ("wire", "fields", "intake", "collector")
    raised = reasons(code(*(f"plugin/services/{name}.py" for name in services)))
    assert {"FIELD_REQUIRED", "NEGATIVE", "LINE_TWICE"} <= raised.keys()
    documented = set(re.findall(r"`([A-Z_]+)`", code("docs/integration.md")))
    assert raised.keys() - {"CONTENT_DIFFERS"} <= documented


def test_every_reason_for_parking_is_documented() -> None:
    raised: set[str] = set()
    for path in sorted((ROOT / "workers/handlers").glob("*.py")):
        module = ast.parse(path.read_text())
        raised |= refusal_reasons(module)
        for call, given in parking_reasons(module):
            is_refusal = isinstance(call.args[1], ast.Starred)
            assert given or is_refusal, f"{path.name}:{call.lineno}: which reason is this?"
            raised |= given
    assert {"HOLD_TOO_SMALL", "MEMBER_UNKNOWN", "REDEMPTION_NOT_GOODS"} <= raised
    documented = first_cells(section("docs/operations.md", "## Parked events"))
    assert documented.keys() == raised


def test_every_reason_for_refusing_a_redemption_is_documented_with_its_status() -> None:
    service = code("plugin/services/redemptions.py")
    checks = {
        alias.name
        for node in ast.walk(ast.parse(service))
        if isinstance(node, ast.ImportFrom) and node.module == "plugin.services.fields"
        for alias in node.names
    }
    assert "require_actor" in checks
    raised = reasons(
        code(*REDEMPTION_CALLS)
        + functions("plugin/services/fields.py", {*checks, "read_instant", "require_phone"})
        + functions("plugin/services/wire.py", {"to_member_key"})
        + functions("plugin/services/errors.py", {"of_database"})
        + functions("plugin/store/books.py", {"choose_book"})
        + functions("plugin/store/lookup.py", {"find_member"})
    )
    raised[Collision("redemption").reason] = Unavailable
    for name in re.findall(r"_named\(\w+, request\.(\w+), ", service):
        raised[f"{name.upper()}_UNKNOWN"] = Rejected
    expected = {
        reason: code_pb2.Code.Name(to_status(kind(reason, "")).code)
        for reason, kind in raised.items()
        if reason not in NOT_OF_CALLS
    }
    assert raised.keys() >= NOT_OF_CALLS
    assert first_cells(section("docs/redemption.md", "## What is refused")) == expected


def test_every_kind_of_fact_and_step_is_documented() -> None:
    books = code("docs/accounting-for-developers.md").split("## Facts per document", 1)[1]
    facts = {
        name for row in re.findall(r"^\| (`.*?) \|", books, re.MULTILINE) for name in names(row)
    }
    assert facts == {kind.name.lower() for kind in FactKind}
    steps = section("docs/redemption.md", "## The steps").split("| step |", 1)[1]
    told = {
        name for row in re.findall(r"^\| (`.*?) \|", steps, re.MULTILINE) for name in names(row)
    }
    assert told == {kind.name.lower() for kind in StepKind}


def names(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


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
