"""The web application: a delivery in, 202 once its documents are on disk. ``docs/any-system.md`` has its answers."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.contract import AdapterError, Change
from adapters.json_mapping.mapping import JsonMapping, TooMany
from adapters.json_mapping.refused import Problem, RefusedFolder
from adapters.json_mapping.values import JsonInvalid, parse_json
from adapters.webhook.settings import BODY_BYTES_MAX, OpenHook
from adapters.webhook.signatures import Delivery, NotProven
from pointbook.v1 import events_pb2

LOG = logging.getLogger("adapters")
ANSWERS_KEPT_MAX = 10_000
PROBLEMS_TOLD_MAX = 100
BODY_SECONDS_MAX = 30.0
BODY_BYTES_AT_ONCE = (
    16 * 1024
)  # mapped in less time than it takes to hand it to another thread and back
RETRY_AFTER_SECONDS = "10"


class Appending(Protocol):
    """What the application needs of a keeper."""

    def append(self, changes: Sequence[Change]) -> Future[list[events_pb2.Event]]:
        """Keeps changes; the future's result means they are on disk."""
        ...


class Said(NamedTuple):
    """An answer: status and body."""

    status: int
    body: dict[str, Any]


class _Refused(Exception):
    """A delivery is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.said = Said(status, {"error": code, "message": message})


@dataclass(slots=True)
class _Answers:
    """The answers of the deliveries in the window: the same one again is answered as the first time."""

    known: OrderedDict[bytes, tuple[float, Said]] = field(default_factory=OrderedDict)

    def find(self, key: bytes, now: float) -> Said | None:
        until, said = self.known.get(key, (0.0, None))
        return said if now < until else None

    def keep(self, key: bytes, until: float, said: Said) -> None:
        self.known[key] = (until, said)
        while len(self.known) > ANSWERS_KEPT_MAX:
            self.known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes deliveries.

    Attributes:
        hooks: What is taken, by name.
        keeper: Keeps documents.
        refused: Keeps what breaks a mapping.
        on_kept: Called after something was kept, with the kept events.
        on_hint: Called with a hook's name and the body, for hooks without a mapping.
        body_bytes_max: Longest body.
        clock: Seconds since 1970.
    """

    hooks: Mapping[str, OpenHook]
    keeper: Appending
    refused: RefusedFolder
    on_kept: Callable[[Sequence[events_pb2.Event]], None] = lambda _: None
    on_hint: Callable[[str, bytes], None] = lambda _name, _body: None
    body_bytes_max: int = BODY_BYTES_MAX
    clock: Callable[[], float] = time.time
    answers: _Answers = field(default_factory=_Answers)

    async def receive(self, request: Request) -> Response:
        """Answers ``POST /hooks/{name}``."""
        name = request.path_params["name"]
        try:
            said = await self._receive(name, request)
        except _Refused as refused:
            said = refused.said
            LOG.info("hook %r: %s %s", name[:64], said.status, said.body["error"])
        except ClientDisconnect:
            return Response(status_code=400)
        except AdapterError as error:  # the spool, or the folder of refused documents
            LOG.warning("hook %s: not kept: %s", name, error)
            said = Said(
                503, {"error": "NOT_KEPT", "message": "nothing was kept: send it again later"}
            )
        headers = {"retry-after": RETRY_AFTER_SECONDS} if said.status == 503 else None
        return JSONResponse(said.body, said.status, headers)

    async def _receive(self, name: str, request: Request) -> Said:
        hook = self.hooks.get(name)
        if hook is None:
            raise _Refused(404, "HOOK_UNKNOWN", "there is no hook of that name")
        body = await self._body(request)
        delivery = Delivery(request.headers, request.query_params, body)
        now = self.clock()
        try:
            proof = hook.verify(delivery, hook.secrets, now, hook.window_seconds)
        except NotProven as error:
            raise _Refused(401, error.code, str(error)) from None
        _check_type(request)
        key = hashlib.sha256(f"{name}:{proof.signature}".encode()).digest()
        if proof.signature and (known := self.answers.find(key, now)) is not None:
            return known
        said = await self._taken(name, hook.mapping, body)
        if proof.signature:
            self.answers.keep(key, now + 2 * hook.window_seconds, said)
        return said

    async def _body(self, request: Request) -> bytes:
        too_long = _Refused(413, "BODY_TOO_LONG", f"a body has at most {self.body_bytes_max} bytes")
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.body_bytes_max:
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self.body_bytes_max:
                        raise too_long
        except TimeoutError:
            raise _Refused(408, "BODY_TOO_SLOW", "the body did not come in time") from None
        return bytes(body)

    async def _taken(self, name: str, mapping: JsonMapping | None, body: bytes) -> Said:
        if mapping is None:
            await run_in_threadpool(self.on_hint, name, body)
            return Said(202, {"kept": 0, "hint": True})
        try:
            events, problems, documents = (
                _read(mapping, body)
                if len(body) <= BODY_BYTES_AT_ONCE
                else await run_in_threadpool(_read, mapping, body)
            )
        except (JsonInvalid, TooMany) as error:
            await run_in_threadpool(self.refused.keep, name, body, [Problem(0, str(error))])
            code = "BODY_INVALID" if isinstance(error, JsonInvalid) else "TOO_MANY_DOCUMENTS"
            return Said(422, {"error": code, "message": str(error)})
        kept = await asyncio.wrap_future(self.keeper.append([Change(each, "") for each in events]))
        self.on_kept(kept)
        if not problems:
            return Said(202, {"documents": documents, "kept": len(kept)})
        await run_in_threadpool(self.refused.keep, name, body, problems)
        LOG.warning("hook %s: %d of %d documents refused", name, len(problems), documents)
        return Said(
            422,
            {
                "error": "DOCUMENTS_REFUSED",
                "message": f"{len(problems)} of {documents} documents break the mapping; the others were kept",
                "kept": len(kept),
                "refused": [each._asdict() for each in problems[:PROBLEMS_TOLD_MAX]],
            },
        )


def webhook_app(receiver: Receiver) -> Starlette:
    """Returns the application."""
    routes = [Route("/hooks/{name}", receiver.receive, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: _as_json})


def _read(mapping: JsonMapping, body: bytes) -> tuple[list[events_pb2.Event], list[Problem], int]:
    events: list[events_pb2.Event] = []
    problems: list[Problem] = []
    documents = 0
    for each in mapping.read(parse_json(body)):
        documents += 1
        events += each.events
        if each.problem:
            problems.append(Problem(each.number, each.problem))
    return events, problems, documents


def _check_type(request: Request) -> None:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != "application/json" and not said.endswith("+json"):
        raise _Refused(415, "NOT_JSON", "the content type has to be application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused(415, "ENCODED", "the body has to be sent without a content encoding")


async def _as_json(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for these only"
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "FAILED")
    said = {"error": code, "message": "POST to /hooks/NAME"}
    return JSONResponse(said, error.status_code, error.headers)
