"""Speaks with Odoo: JSON-RPC (17, 18, 19) and JSON-2 (19). Nothing else in this package does.

Reads may be repeated and are; writes are sent once, for Odoo has no key against doing them twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from adapters.contract import AdapterError, SourceAway
from adapters.odoo.settings import OdooSettings
from adapters.web import Answer, Web

Row = dict[str, Any]
Domain = Sequence[Sequence[Any]]
Context = Mapping[str, Any]

UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
_SAID_CHARACTERS_MAX = 300


class LoginRefused(AdapterError):
    """The server does not know this user with this secret."""


class AccessRefused(AdapterError):
    """The user may not do this."""


# Odoo's errors by class. After five tries of its own it hands a conflict of transactions to the caller; that passes.
_KINDS: Mapping[str, type[AdapterError]] = {
    "AccessDenied": LoginRefused,
    "AccessError": AccessRefused,
    "SerializationFailure": SourceAway,
    "LockNotAvailable": SourceAway,
    "DeadlockDetected": SourceAway,
    "OperationalError": SourceAway,
}


class Odoo(Protocol):
    """What this package asks of an Odoo, whichever API carries it."""

    def close(self) -> None:
        """Closes its connections."""
        ...

    def version(self) -> str:
        """Returns the series, for example "17.0"."""
        ...

    def rows(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: str = "",
        limit: int = 0,
        context: Context | None = None,
    ) -> list[Row]:
        """Returns records; numbers with a point are ``Decimal``, what is empty is ``False``."""
        ...

    def known_fields(self, model: str, names: Sequence[str]) -> set[str]:
        """Returns those of some field names that a model has."""
        ...

    def create(self, model: str, values: Row) -> int:
        """Creates one record and returns its id; sent once."""
        ...

    def act(self, model: str, method: str, ids: Sequence[int], context: Context) -> Any:
        """Calls a method on records and returns what it returns; sent once."""
        ...


def connect(settings: OdooSettings, web: Web | None = None) -> Odoo:
    """Returns a connection; it says nothing before the first question.

    Raises:
        AdapterError: The variable with the secret is empty.
    """
    key = settings.secret()
    if settings.api == "json2":
        headers = {"authorization": f"bearer {key}", "x-odoo-database": settings.database}
        return Json2(settings, web or Web(settings.url, headers))
    return JsonRpc(settings, key, web or Web(settings.url))


class JsonRpc:
    """``POST /jsonrpc``; logs in with the first question."""

    def __init__(self, settings: OdooSettings, key: str, web: Web) -> None:
        self._settings = settings
        self._key = key
        self._web = web
        self._context = _company(settings)
        self._user_id = 0

    def version(self) -> str:
        """See ``Odoo``."""
        return _version(self._web)

    def close(self) -> None:
        """Closes its connections."""
        self._web.close()

    def rows(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: str = "",
        limit: int = 0,
        context: Context | None = None,
    ) -> list[Row]:
        """See ``Odoo``."""
        named: Row = {"order": order} if order else {}
        if limit:
            named["limit"] = limit
        args = [list(domain), list(fields)]
        found = self._execute(model, "search_read", args, named, context or {}, may_repeat=True)
        return _list(found, model)

    def known_fields(self, model: str, names: Sequence[str]) -> set[str]:
        """See ``Odoo``."""
        args = [list(names), ["type"]]
        return set(self._execute(model, "fields_get", args, {}, {}, may_repeat=True) or {})

    def create(self, model: str, values: Row) -> int:
        """See ``Odoo``."""
        return _one_id(self._execute(model, "create", [[values]], {}, {}, may_repeat=False), model)

    def act(self, model: str, method: str, ids: Sequence[int], context: Context) -> Any:
        """See ``Odoo``."""
        return self._execute(model, method, [list(ids)], {}, context, may_repeat=False)

    def _execute(
        self,
        model: str,
        method: str,
        args: list[Any],
        named: Row,
        context: Context,
        *,
        may_repeat: bool,
    ) -> Any:
        whole = {**self._context, **context}
        named = {**named, "context": whole} if whole else named
        who = [self._settings.database, self._user(), self._key]
        call = [*who, model, method, args, named]
        return _rpc(
            self._web, "object", "execute_kw", call, f"{model}.{method}", may_repeat=may_repeat
        )

    def _user(self) -> int:
        if not self._user_id:
            said = [self._settings.database, self._settings.user, self._key]
            found = _rpc(self._web, "common", "login", said, "login", may_repeat=True)
            if not found:
                raise LoginRefused(
                    f"Odoo refuses the login of '{self._settings.user}' to database "
                    f"'{self._settings.database}': the secret in {self._settings.secret_env} is not theirs"
                )
            self._user_id = int(found)
        return self._user_id


class Json2:
    """``POST /json/2/MODEL/METHOD``: an API key instead of a login, arguments by name only."""

    def __init__(self, settings: OdooSettings, web: Web) -> None:
        self._settings = settings
        self._web = web
        self._context = _company(settings)

    def version(self) -> str:
        """See ``Odoo``; JSON-2 does not tell, so the other API is asked, without a login."""
        return _version(self._web)

    def close(self) -> None:
        """Closes its connections."""
        self._web.close()

    def rows(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: str = "",
        limit: int = 0,
        context: Context | None = None,
    ) -> list[Row]:
        """See ``Odoo``."""
        named: Row = {"domain": list(domain), "fields": list(fields)}
        if order:
            named["order"] = order
        if limit:
            named["limit"] = limit
        return _list(self._post(model, "search_read", named, context or {}, may_repeat=True), model)

    def known_fields(self, model: str, names: Sequence[str]) -> set[str]:
        """See ``Odoo``."""
        named = {"allfields": list(names), "attributes": ["type"]}
        return set(self._post(model, "fields_get", named, {}, may_repeat=True) or {})

    def create(self, model: str, values: Row) -> int:
        """See ``Odoo``."""
        made = self._post(model, "create", {"vals_list": [values]}, {}, may_repeat=False)
        return _one_id(made, model)

    def act(self, model: str, method: str, ids: Sequence[int], context: Context) -> Any:
        """See ``Odoo``."""
        return self._post(model, method, {"ids": list(ids)}, context, may_repeat=False)

    def _post(
        self, model: str, method: str, named: Row, context: Context, *, may_repeat: bool
    ) -> Any:
        whole = {**self._context, **context}
        body = {**named, "context": whole} if whole else named
        answer = self._web.call(
            "POST", f"/json/2/{model}/{method}", json_body=_json(body), may_repeat=may_repeat
        )
        if answer.status == 200:
            return answer.json()
        raise self._error(answer, f"{model}.{method}")

    def _error(self, answer: Answer, what: str) -> AdapterError:
        said = answer.json()  # what is no JSON comes from a proxy, and is said as such
        if not isinstance(said, dict):
            said = {}
        if answer.status == UNAUTHORIZED:
            return LoginRefused(
                f"Odoo refuses the API key of '{self._settings.user}' in {self._settings.secret_env}: "
                f"{_short(said.get('message'))}"
            )
        return _error(what, str(said.get("name", answer.status)), said.get("message"))


def _company(settings: OdooSettings) -> Row:
    return {"allowed_company_ids": [settings.company_id]} if settings.company_id else {}


def _version(web: Web) -> str:
    said = _rpc(web, "common", "version", [], "version", may_repeat=True)
    if not isinstance(said, dict) or "server_serie" not in said:
        raise AdapterError("the server does not say which version of Odoo it is")
    return str(said["server_serie"])


def _rpc(
    web: Web, service: str, method: str, args: list[Any], what: str, *, may_repeat: bool
) -> Any:
    body = {
        "jsonrpc": "2.0",
        "method": "call",
        "id": 1,
        "params": {"service": service, "method": method, "args": args},
    }
    answer = web.call("POST", "/jsonrpc", json_body=_json(body), may_repeat=may_repeat)
    if answer.status in (UNAUTHORIZED, FORBIDDEN):
        raise LoginRefused(f"Odoo answered {answer.status} to {what}: {answer.said()}")
    said = answer.json()
    if not isinstance(said, dict):
        raise AdapterError(f"Odoo answered {answer.status} to {what}, and not as JSON-RPC")
    if "error" in said:
        raise _rpc_error(what, said["error"])
    if answer.status != 200:
        raise AdapterError(f"Odoo answered {answer.status} to {what}: {answer.said()}")
    return said.get("result")  # a method that returns nothing is answered without this key


def _rpc_error(what: str, error: Any) -> AdapterError:
    """Returns the error as ours; the traceback in ``debug`` is for Odoo's own log."""
    if not isinstance(error, dict):
        return AdapterError(f"Odoo refuses {what}: {_short(error)}")
    data = error.get("data") or {}
    return _error(what, str(data.get("name", "")), data.get("message") or error.get("message"))


def _error(what: str, name: str, message: Any) -> AdapterError:
    said = f"Odoo refuses {what}: {_short(message) or name}"
    kind = name.rpartition(".")[2]
    return _KINDS.get(kind, AdapterError)(said)


def _short(message: Any) -> str:
    """Returns a message in one line, its beginning."""
    return " ".join(str(message or "").split())[:_SAID_CHARACTERS_MAX]


def _json(body: Any) -> str:
    return json.dumps(body, default=_number, separators=(",", ":"))


def _number(value: object) -> float:
    """Returns an amount as JSON writes it: ``Decimal("3.34")`` is sent as 3.34, and read as that."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be sent to Odoo")


def _list(found: Any, model: str) -> list[Row]:
    if not isinstance(found, list):
        raise AdapterError(f"Odoo answered a search of {model} with no list: {_short(found)}")
    return found


def _one_id(made: Any, model: str) -> int:
    """Returns the id of what was created: a list was asked for, a list of one comes back."""
    if isinstance(made, list) and len(made) == 1 and isinstance(made[0], int):
        return made[0]
    raise AdapterError(f"Odoo created {model}, but answered with no id: {_short(made)}")
