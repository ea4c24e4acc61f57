"""Frappe's REST API: lists, child rows, documents and methods; what it refuses becomes one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from itertools import groupby
from typing import Any
from urllib.parse import quote

from adapters.contract import AdapterError
from adapters.web import Answer, Web

Row = Mapping[str, Any]
Filter = Sequence[object]

BY_NAME = "name asc"
NAMES_LENGTH_MAX = 2_400  # gunicorn takes request lines of 4,094 characters; the rest is for fields
_SAID_LENGTH_MAX = 300
_TAG = re.compile(r"<[^>]*>")
_CLASS = re.compile(r"^(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*:\s*")


class Refusal(AdapterError):
    """Frappe answered with an error.

    Attributes:
        status: HTTP status.
        kind: Frappe's class of error, for example "PermissionError"; empty when it named none.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class Frappe:
    """One site, as one user."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def rows(
        self,
        doctype: str,
        fields: Sequence[str],
        filters: Sequence[Filter],
        rows: int,
        order_by: str = BY_NAME,
    ) -> list[Row]:
        """Returns rows of a list.

        Args:
            doctype: Kind of document.
            fields: Names of fields; ``items.qty as pieces`` gives a row for each line of a document.
            filters: ``[field, operator, value]``, all of which hold.
            rows: How many at most; 0 for all.
            order_by: SQL order.

        Raises:
            AdapterError: Refused, or a field is withheld: Frappe leaves out what the user may not see.
        """
        asked = {
            "fields": _json(fields),
            "filters": _json(filters),
            "order_by": order_by,
            "limit_start": "0",
            "limit_page_length": str(rows),
        }
        answer = self._web.call("GET", _path(doctype), params=asked, may_repeat=True)
        found: list[Row] = _said(answer, "data", f"the list of {doctype}")
        if found:
            _expect_all(doctype, fields, found[0])
        return found

    def named(self, doctype: str, fields: Sequence[str], names: Sequence[str]) -> Iterator[Row]:
        """Yields the rows of named documents, in the order of their names, in as few calls as fit.

        Args:
            doctype: Kind of document.
            fields: As in ``rows``.
            names: Sorted, each once.
        """
        for part in _fitting(names):
            yield from self.rows(doctype, fields, [["name", "in", part]], rows=0)

    def documents(
        self, doctype: str, fields: Sequence[str], names: Sequence[str]
    ) -> Iterator[list[Row]]:
        """Yields named documents, each as its rows: one for each line, the header repeated on all.

        One statement reads header and lines, so that they fit together.
        """
        rows = self.named(doctype, fields, names)
        for _, document in groupby(rows, key=lambda row: row["name"]):
            yield sorted(document, key=lambda row: row["line_number"] or 0)

    def create(self, doctype: str, values: Mapping[str, object]) -> Row:
        """Creates a document; tried once, for two would be made."""
        answer = self._web.call("POST", _path(doctype), json_body=_json(values), may_repeat=False)
        created: Row = _said(answer, "data", f"a new {doctype}")
        return created

    def submit(self, doctype: str, name: str) -> None:
        """Submits a draft."""
        answer = self._web.call(
            "PUT", _path(doctype, name), json_body=_json({"docstatus": 1}), may_repeat=False
        )
        _said(answer, "data", f"submitting {doctype} {name}")

    def cancel(self, doctype: str, name: str) -> None:
        """Cancels a submitted document."""
        self._method(
            "frappe.client.cancel", {"doctype": doctype, "name": name}, f"cancelling {name}"
        )

    def user(self) -> str:
        """Returns who the API key belongs to."""
        who = self._method("frappe.auth.get_logged_user", {}, "who the API key belongs to")
        return str(who)

    def close(self) -> None:
        """Closes its connections."""
        self._web.close()

    def _method(self, method: str, values: Mapping[str, object], what: str) -> object:
        answer = self._web.call(
            "POST", f"/api/method/{method}", json_body=_json(values), may_repeat=False
        )
        return _said(answer, "message", what)


def answered_key(field: str) -> str:
    """Returns what a field is called in the answer: ``items.name as line`` is "line"."""
    return field.rpartition(" as ")[2].rpartition(".")[2]


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _path(doctype: str, name: str = "") -> str:
    parts = [doctype, name] if name else [doctype]
    return "/".join(["/api/resource", *(quote(part, safe="") for part in parts)])


def _fitting(names: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    length = 0
    for name in names:
        more = len(quote(_json([name]), safe=""))
        if part and length + more > NAMES_LENGTH_MAX:
            yield part
            part, length = [], 0
        part.append(name)
        length += more
    if part:
        yield part


def _expect_all(doctype: str, fields: Sequence[str], row: Row) -> None:
    withheld = [field for field in fields if answered_key(field) not in row]
    if withheld:
        raise AdapterError(
            f"ERPNext withholds {', '.join(withheld)} of {doctype}: the user lacks the field's permission level"
        )


def _said(answer: Answer, key: str, what: str) -> Any:
    if answer.status >= 300:
        raise _refusal(answer, what)
    body = answer.json()
    if not isinstance(body, dict) or key not in body:
        raise AdapterError(f"ERPNext, asked for {what}, answered without '{key}': {answer.said()}")
    return body[key]


def _refusal(answer: Answer, what: str) -> Refusal:
    kind, why = _reason(answer)
    named = f"{answer.status} {kind}".strip()
    message = f"ERPNext refused {what} ({named}): {why}"
    if answer.status == 401:
        message += "; is the API key right, and its user enabled?"
    return Refusal(answer.status, kind, message)


def _reason(answer: Answer) -> tuple[str, str]:
    """Returns the class and first line of an error. The traceback in "exc" stays where it is."""
    try:
        body = answer.json()
    except AdapterError:
        return "", _plain(answer.said())
    if not isinstance(body, dict):
        return "", _plain(answer.said())
    kind = str(body.get("exc_type") or "")
    said = str(body.get("exception") or body.get("message") or "no reason given")
    return kind, _plain(_CLASS.sub("", said.strip().partition("\n")[0]))


def _plain(text: str) -> str:
    """Returns text without tags, entities and double spaces."""
    return " ".join(unescape(_TAG.sub(" ", text)).split())[:_SAID_LENGTH_MAX]
