"""The programs in ``docs/inside-the-erp.md`` print what it says they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "inside-the-erp.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```.*?```\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("program", "printed"), PROGRAMS, ids=["send.py", "shop.py"])
def test_the_programs_print_what_the_page_says(
    program: str, printed: str, intake: Any, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program.replace("127.0.0.1:50051", intake.address)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == printed, done.stderr
