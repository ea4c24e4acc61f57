"""Loads a mapping file and turns JSON documents into events, or into a sentence about what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from adapters import numbering
from adapters.contract import AdapterError
from adapters.json_mapping import model as m
from adapters.json_mapping.paths import JsonPath, Scope
from adapters.json_mapping.sections import Maker, maker, version_reader
from adapters.json_mapping.values import Reader, Test, ValueRefused, reader, tests
from adapters.wire_values import ascii_id
from pointbook.v1 import events_pb2

DOCUMENTS_MAX = 10_000  # of one body
SKU_LENGTH_MAX = 64


class MappingInvalid(AdapterError):
    """The mapping file cannot be read or breaks a rule; the message names file, path and rule."""


class TooMany(AdapterError):
    """A body holds more documents than are taken at once."""


class Read(NamedTuple):
    """What one document of a body became.

    Attributes:
        number: Its place among the body's documents, from 1.
        document: The document.
        events: What it means; empty when it is refused or ignored.
        problem: What is wrong, with path and rule; empty when nothing is.
    """

    number: int
    document: Any
    events: list[events_pb2.Event]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    kind: str
    takes: Test
    parts: JsonPath | None
    id: Reader
    version: Callable[[Scope], int]
    make: Maker

    def events(self, document: Any) -> Iterator[events_pb2.Event]:
        for number, part in enumerate(self._parts(document), 1):
            yield self._event(Scope(document, part, number))

    def _parts(self, document: Any) -> list[Any]:
        return [document] if self.parts is None else self.parts.all(Scope(document, document))

    def _event(self, scope: Scope) -> events_pb2.Event:
        name = self.kind
        try:
            said = self.id(scope)
            name = f"{self.kind}:{said}"
            number = ascii_id(said, SKU_LENGTH_MAX) if self.kind == "product" else ascii_id(said)
            version, event = self.version(scope), self.make(scope, number)
        except ValueRefused as error:
            raise ValueRefused(f"{name}: {error}") from None
        return _numbered(event, version) if version else event


class JsonMapping:
    """A mapping, compiled. Safe to use from several threads.

    Args:
        mapping: What the file says.
    """

    def __init__(self, mapping: m.Mapping) -> None:
        self.is_versioned = mapping.is_versioned
        self.zone = mapping.time.zone
        self._items = JsonPath(mapping.items)
        self._ignored = [tests(each.when) for each in mapping.documents if each.kind == "ignore"]
        self._sections = [
            _section(each, mapping) for each in mapping.documents if not isinstance(each, m.Ignored)
        ]

    def read(self, body: Any) -> Iterator[Read]:
        """Yields what each document of a body means; one that is wrong does not keep the others back.

        Args:
            body: As ``parse_json`` returns it.

        Raises:
            TooMany: More than ``DOCUMENTS_MAX`` documents.
        """
        documents = self._items.all(Scope(body, body))
        if len(documents) > DOCUMENTS_MAX:
            raise TooMany(
                f"{len(documents)} documents in one body, at most {DOCUMENTS_MAX} are taken"
            )
        for number, document in enumerate(documents, 1):
            yield self.read_document(document, number)

    def read_document(self, document: Any, number: int = 1) -> Read:
        """Returns what one document means: every section whose conditions hold makes its events."""
        try:
            return Read(number, document, self._events(document))
        except ValueRefused as error:
            return Read(number, document, [], f"document {number}: {error}")

    def _events(self, document: Any) -> list[events_pb2.Event]:
        scope = Scope(document, document)
        if any(ignores(scope) for ignores in self._ignored):
            return []
        taking = [section for section in self._sections if section.takes(scope)]
        if not taking:
            raise ValueRefused("no section's conditions hold, and no section says to ignore it")
        return [event for section in taking for event in section.events(document)]


def load_json_mapping(path: Path) -> JsonMapping:
    """Reads and compiles a mapping file.

    Raises:
        MappingInvalid: It cannot be read or breaks a rule; every broken rule is named with its place.
    """
    try:
        return parse_json_mapping(path.read_text("utf-8"))
    except (OSError, UnicodeError, MappingInvalid) as error:
        raise MappingInvalid(f"{path}: {error}") from error


def parse_json_mapping(text: str) -> JsonMapping:
    """Returns the mapping a TOML text holds; see ``load_json_mapping``."""
    try:
        return JsonMapping(m.Mapping.model_validate(tomllib.loads(text, parse_float=Decimal)))
    except tomllib.TOMLDecodeError as error:
        raise MappingInvalid(f"is not TOML: {error}") from error
    except ValidationError as error:
        raise MappingInvalid("; ".join(_sentences(error))) from error
    except ValueRefused as error:
        raise MappingInvalid(str(error)) from error


def _section(section: m.Section, mapping: m.Mapping) -> _Section:
    assert not isinstance(section, m.Ignored), "ignored documents have no section of their own"
    return _Section(
        section.kind,
        tests(section.when),
        JsonPath(section.each) if section.each is not None else None,
        reader(section.id, required=True),
        version_reader(section.version, mapping.time),
        maker(section, mapping),
    )


def _numbered(event: events_pb2.Event, version: int) -> events_pb2.Event:
    """Returns the event with its version and id. A receipt keeps its number: two versions are one receipt."""
    result = numbering.numbered(event, version)
    if event.stock.kind == events_pb2.STOCK_KIND_RECEIVED:
        result.stock.id, result.stock.version = event.stock.id, version
    return result


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in each['loc']) or 'mapping'}: {each['msg']}"
        for each in error.errors(include_input=False)
    ]
