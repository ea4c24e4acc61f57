"""The shop of docs/any-system.md: its mapping and its body are read from there, so that they are true."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

from adapters.json_mapping.mapping import JsonMapping, parse_json_mapping
from adapters.json_mapping.values import parse_json
from adapters.settings import Pointbook

DOCUMENT = Path(__file__).parents[3] / "docs" / "any-system.md"


@cache
def blocks(language: str) -> list[str]:
    """Returns the code blocks of a language in the document."""
    text = DOCUMENT.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


MAPPING = blocks("toml")[0]
BODY = blocks("json")[0].encode()


def mapping() -> JsonMapping:
    """Returns the document's mapping."""
    return parse_json_mapping(MAPPING)


def order(**changes: Any) -> dict[str, Any]:
    """Returns the document's order without its parcel, with other values at its top."""
    found = copy.deepcopy(parse_json(BODY)["data"][0])
    del found["parcels"]
    return {**found, **changes}


def unversioned() -> str:
    """Returns the document's mapping without versions."""
    return re.sub(r"^version = .*\n", "", MAPPING, flags=re.MULTILINE)


def pointbook(address: str) -> Pointbook:
    """Returns where to send."""
    return Pointbook(address=address)
