"""Speaks with Tryton's REST API as a user application. Nothing else in this package does.

Reads may be repeated and are; writes are sent once, for Tryton has no key against doing them twice.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any

from adapters.contract import AdapterError, SourceAway
from adapters.tryton.settings import TrytonSettings
from adapters.web import Answer, Web

Row = dict[str, Any]
Domain = Sequence[Any]
Order = Sequence[tuple[str, str]]

BY_ID: Order = (("id", "ASC"),)
CLASS = "__class__"

OK, NO_CONTENT = 200, 204
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409

# After some tries of its own Tryton gives up on a conflict of transactions; that passes.
PASSING = ("could not serialize access", "deadlock detected", "database is locked")
_SAID_CHARACTERS_MAX = 300


class KeyRefused(AdapterError):
    """The server does not know this key."""


class AccessRefused(AdapterError):
    """The key's user may not do this."""


def connect(settings: TrytonSettings, web: Web | None = None) -> Tryton:
    """Returns a connection; it says nothing before the first question.

    Raises:
        AdapterError: The variable with the key is empty.
    """
    headers = {"authorization": f"Bearer {settings.key()}"}
    return Tryton(settings, web or Web(settings.url, headers))


class Tryton:
    """One company in one database."""

    def __init__(self, settings: TrytonSettings, web: Web) -> None:
        company = settings.company_id
        self._settings = settings
        self._web = web
        self._context = {"company": company, "companies": [company], "active_test": False}

    def close(self) -> None:
        """Closes its connections."""
        self._web.close()

    def version(self) -> str:
        """Returns the server's version, for example "8.2.1"; needs no key."""
        body = {"id": 1, "method": "common.server.version", "params": []}
        answer = self._web.call("POST", "/rpc/", json_body=json.dumps(body), may_repeat=True)
        said = answer.json() if answer.status == OK else None
        if not isinstance(said, dict) or not isinstance(said.get("result"), str):
            raise AdapterError(f"{self._settings.url} does not say which version of Tryton it is")
        return str(said["result"])

    def rows(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        limit: int = 0,
        order: Order = BY_ID,
        context: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Returns records, archived ones too, with what dotted fields lead to inside of them.

        Example: field "lines.amount" of a sale gives ``{"lines": [{"amount": Decimal("23.70"), …}, …], …}``.

        Raises:
            AccessRefused: The user may not read the model or one of the fields.
        """
        query = {"d": _encoded(domain), "o": _encoded(order)}
        if limit:
            query["s"] = str(limit)
        found = self._call("GET", f"model/{model}", fields, model, query=query, context=context)
        if not isinstance(found, list):
            raise AdapterError(f"Tryton answered a search of {model} with no list")
        for row in found[:1]:
            _expect_fields(row, fields, model)
        return found

    def create(self, model: str, values: Row, fields: Sequence[str]) -> Row:
        """Creates one record and returns it; sent once."""
        return self._changed("POST", f"model/{model}", values, fields, f"create {model}")

    def press(self, model: str, number: int, button: str, fields: Sequence[str]) -> Row:
        """Presses a button of a record and returns the record; sent once."""
        path = f"model/{model}/{number}/{button}"
        return self._changed("POST", path, {}, fields, f"'{button}' on {model} {number}")

    def _changed(
        self, method: str, path: str, values: Row, fields: Sequence[str], what: str
    ) -> Row:
        row = self._call(method, path, fields, what, body=values)
        if not isinstance(row, dict):
            raise AdapterError(f"Tryton answered {what} with no record")
        return row

    def _call(
        self,
        method: str,
        path: str,
        fields: Sequence[str],
        what: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Row | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Any:
        whole = {**self._context, **(context or {})}
        answer = self._web.call(
            method,
            f"/{self._settings.database}/rest/{path}",
            params=[*(query or {}).items(), *(("f", field) for field in fields)],
            json_body=None if body is None else json.dumps(body, default=to_tryton),
            headers={"X-Tryton-Context": _encoded(whole)},
            may_repeat=method == "GET",
        )
        if answer.status in (OK, NO_CONTENT):
            return _decoded(answer)
        raise self._error(answer, what)

    def _error(self, answer: Answer, what: str) -> AdapterError:
        said = _message(answer)
        if answer.status == UNAUTHORIZED:
            return KeyRefused(
                f"Tryton refuses the key in {self._settings.key_env} for database "
                f"'{self._settings.database}': it is none, or was cancelled"
            )
        if answer.status == FORBIDDEN or "not allowed" in said:
            return AccessRefused(f"Tryton refuses {what}: {said}")
        if answer.status == NOT_FOUND:
            return AdapterError(
                f"Tryton does not find {what}; is the database's name right? ({said})"
            )
        if any(words in said for words in PASSING):
            return SourceAway(f"Tryton is busy with {what}: {said}")
        return AdapterError(f"Tryton answered {answer.status} to {what}: {said}")


def _expect_fields(row: Row, fields: Sequence[str], model: str) -> None:
    """Tryton leaves out what the user may not read, and does not say so.

    Raises:
        AccessRefused: A field is missing.
    """
    for path in fields:
        at: Any = row
        for name in path.split("."):
            if isinstance(at, list):
                at = at[0] if at else None
            if at is None:
                break
            if name not in at:
                raise AccessRefused(f"Tryton refuses field '{path}' of {model}")
            at = at[name]


def _message(answer: Answer) -> str:
    """Returns what an error says: JSON of a rule that was broken, or a page of HTML."""
    text = answer.said()
    try:
        said = json.loads(answer.body)
        text = f"{said['message']} {said.get('description') or ''}"
    except (ValueError, KeyError, TypeError):
        text = unescape(text.rpartition("<p>")[2].partition("</p>")[0])
    return " ".join(text.split())[:_SAID_CHARACTERS_MAX]


def _encoded(value: Any) -> str:
    said = json.dumps(value, default=to_tryton, separators=(",", ":"))
    return urlsafe_b64encode(said.encode()).decode()


def _decoded(answer: Answer) -> Any:
    if not answer.body:
        return None
    try:
        return json.loads(answer.body, parse_float=Decimal, object_hook=from_tryton)
    except ValueError as error:
        raise AdapterError(f"Tryton answered no JSON: {answer.said()}") from error


def from_tryton(said: Row) -> Any:
    """Returns a value in Tryton's notation: ``{"__class__": "Decimal", "decimal": "58.30"}`` is ``Decimal("58.30")``.

    Instants are UTC, though they do not say so. Kinds that no field of ours has stay as they are.
    """
    kind = said.get(CLASS)
    if kind == "Decimal":
        return Decimal(said["decimal"])
    if kind == "date":
        return date(said["year"], said["month"], said["day"])
    if kind == "datetime":
        day = said["year"], said["month"], said["day"]
        clock = said["hour"], said["minute"], said["second"], said["microsecond"]
        return datetime(*day, *clock, tzinfo=UTC)
    return said


def to_tryton(value: object) -> Row:
    """Returns a value in Tryton's notation, the other way round."""
    if isinstance(value, Decimal):
        return {CLASS: "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {CLASS: "datetime", **{name: getattr(at, name) for name in names}}
    if isinstance(value, date):
        return {CLASS: "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"{type(value).__name__} cannot be sent to Tryton")
