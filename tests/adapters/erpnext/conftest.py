"""A shop on a fake ERPNext, one for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.erpnext.fake import FakeShop, open_shop


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with open_shop() as opened:
        yield opened
