"""The shop of the example, in the place of those that the conformance suite opens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.conformance.conftest import Kind, following
from tests.adapters.example_erp.shop import QuernstoneShop, open_shop

__all__ = ["following", "shop"]

SHOPS = {"quernstone": Kind(open_shop, QuernstoneShop.abilities)}


@pytest.fixture(params=sorted(SHOPS))
def shop(request: pytest.FixtureRequest) -> Iterator[QuernstoneShop]:
    assert request.param in SHOPS
    with open_shop() as opened:
        yield opened
