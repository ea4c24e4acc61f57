"""What a call to Frappe may look like: as recorded, and a short list of what is not in the recording.

Anything else is a mistake of the adapter (or of this list) and fails the test, whatever the adapter makes of the answer.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

RECORDINGS = Path(__file__).parent / "recordings" / "calls.jsonl"

# Not recorded, each with the reason to believe in it.
ADDED_FIELDS = {
    # Every document of Frappe has a name, and the recorded order "modified asc, name asc" of Bin uses it.
    "Bin": {"name"},
}
# A line's "name" and "idx" would be called as the header's are; version 15 takes " as " (frappe/model/db_query.py).
ALIAS = re.compile(r"^(?P<field>[a-z_.]+)(?: as (?P<alias>[a-z_]+))?$")
# ">" and "<" are written in Frappe's documentation of filters; recorded are only "=", ">=" and "in".
ADDED_OPERATORS = {">", "<"}
# Recorded is "modified asc, name asc", two terms of the same SQL.
ADDED_ORDERS = {"name asc", "modified desc"}
# "Max rows (use 0 for all)" in Frappe's documentation of lists.
ADDED_PAGE_LENGTHS = {0}

PARAMETERS = {"fields", "filters", "order_by", "limit_start", "limit_page_length"}
REQUEST_LINE_LENGTH_MAX = 4_094  # gunicorn's, which Frappe runs on


class Unheard(AssertionError):
    """A call that nothing supports."""


@lru_cache
def calls() -> tuple[dict[str, Any], ...]:
    """Returns the recorded calls."""
    return tuple(json.loads(line) for line in RECORDINGS.read_text().splitlines())


def answer(step: str, request: str = "") -> Any:
    """Returns a copy of what was answered to the first call of a step whose request begins so."""
    for call in calls():
        if call["step"] == step and call["request"].startswith(request):
            said = call["response"]
            return json.loads(json.dumps(said.get("data", said.get("message", said))))
    raise LookupError(f"no recorded call of step {step} begins with {request}")


def refusal(step: str) -> dict[str, Any]:
    """Returns a copy of the first refused answer of a step."""
    found = next(call for call in calls() if call["step"] == step and call["status"] >= 400)
    copy: dict[str, Any] = json.loads(json.dumps(found["response"]))
    return copy


def _documents(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if "doctype" in value:
            yield value
        for inner in value.values():
            yield from _documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _documents(inner)


@lru_cache
def known_fields() -> dict[str, set[str]]:
    """Returns fields by doctype; those of lines with the name of their table: "items.qty"."""
    known: dict[str, set[str]] = defaultdict(set)
    for call in calls():
        for document in _documents(call["response"]):
            known[document["doctype"]] |= {key for key in document if not key.startswith("__")}
            if "parentfield" in document:
                lines = {f"{document['parentfield']}.{key}" for key in document}
                known[document["parenttype"]] |= lines
        doctype, listed = _listed(call)
        known[doctype] |= listed
    for doctype, fields in ADDED_FIELDS.items():
        known[doctype] |= fields
    return dict(known)


def _listed(call: Mapping[str, Any]) -> tuple[str, set[str]]:
    method, _, rest = call["request"].partition(" ")
    url = urlsplit(rest)
    asked = parse_qs(url.query)
    if method != "GET" or "fields" not in asked:
        return "", set()
    return unquote(url.path).removeprefix("/api/resource/"), set(json.loads(asked["fields"][0]))


@lru_cache
def known_endpoints() -> set[tuple[str, str]]:
    """Returns method and path of recorded calls, names of documents as "*"."""
    return {_endpoint(*_line(call["request"])) for call in calls()}


def _line(request: str) -> tuple[str, str]:
    method, _, rest = request.partition(" ")
    return method, re.split(r"\?| \{", rest)[0].strip()


def _endpoint(method: str, path: str) -> tuple[str, str]:
    parts = unquote(path).split("/")
    is_document = parts[:3] == ["", "api", "resource"] and len(parts) > 4
    return method, "/".join([*parts[:4], "*"]) if is_document else "/".join(parts)


def expect_endpoint(method: str, path: str) -> None:
    """Raises Unheard unless such a call was recorded; lists may be of any recorded doctype."""
    endpoint = _endpoint(method, path)
    parts = endpoint[1].split("/")
    if method == "GET" and len(parts) == 4 and parts[3] in known_fields():
        return
    if endpoint not in known_endpoints():
        raise Unheard(f"{method} {path} was never recorded")


def expect_fields(doctype: str, fields: set[str]) -> None:
    """Raises Unheard unless a doctype has these fields."""
    if doctype not in known_fields():
        raise Unheard(f"doctype {doctype} was never recorded")
    unknown = fields - known_fields()[doctype]
    if unknown:
        raise Unheard(f"{doctype} was never seen with {sorted(unknown)}")


def expect_document(doctype: str, values: Mapping[str, Any]) -> None:
    """Raises Unheard unless what is written was recorded as fields of the document and its lines."""
    lines = {f"items.{key}" for line in values.get("items", []) for key in line}
    expect_fields(doctype, set(values) | {key for key in lines if "__" not in key})


class Query:
    """A list call, taken apart.

    Attributes:
        fields: Field and name in the answer.
        filters: Field, operator, value.
        order_by: SQL order.
        start, rows: Which part; rows is 0 for all.
    """

    def __init__(self, doctype: str, query: str) -> None:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        if set(asked) - PARAMETERS:
            raise Unheard(f"a list was never asked for {sorted(set(asked) - PARAMETERS)}")
        self.fields = [_field(field) for field in json.loads(asked.get("fields", '["name"]'))]
        self.filters = [tuple(each) for each in json.loads(asked.get("filters", "[]"))]
        self.order_by = asked.get("order_by", "modified desc")
        self.start = int(asked.get("limit_start", 0))
        self.rows = int(asked.get("limit_page_length", 20))
        expect_fields(doctype, {field for field, _ in self.fields})
        expect_fields(doctype, {field for field, _, _ in self.filters})
        operators = {operator for _, operator, _ in self.filters}
        if operators - {"=", ">=", "in"} - ADDED_OPERATORS:
            raise Unheard(f"operators {sorted(operators)}")
        if self.order_by not in {"modified asc, name asc"} | ADDED_ORDERS:
            raise Unheard(f"order_by {self.order_by}")
        if self.rows <= 0 and self.rows not in ADDED_PAGE_LENGTHS:
            raise Unheard(f"limit_page_length {self.rows}")
        answered = [name for _, name in self.fields]
        if len(set(answered)) < len(answered):
            raise Unheard(f"two fields of one name in {answered}")


def _field(text: str) -> tuple[str, str]:
    found = ALIAS.match(text)
    if found is None:
        raise Unheard(f"field {text}")
    field = found["field"]
    return field, found["alias"] or field.rpartition(".")[2]
