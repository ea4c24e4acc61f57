"""``make demo-tryton`` shows the whole loop, and docs/erp-tryton.md shows what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CHANGES = re.compile(
    r"\d+\.\d(?= s\b)|\d+\.\d(?= │)|127\.0\.0\.1:\d+|erp_[0-9a-f]+|\d{4}-\d\d-\d\d"
)


def told(text: str) -> list[str]:
    """Returns lines without what differs from run to run: seconds, days, ports, names of databases."""
    return [re.sub(r"[ ─━]+", " ", CHANGES.sub("…", line)).strip() for line in text.splitlines()]


def test_the_demo_runs_to_the_end_and_its_documentation_is_true(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.adapters.tryton.demo"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "130", "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = told(done.stdout)
    assert "All reconciliations hold" in printed
    page = (ROOT / "docs" / "erp-tryton.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n\$ make demo-tryton\n(.*?)```", page, re.DOTALL)
    missing = [line for line in told(shown) if line and line != "…" and line not in printed]
    assert missing == []
