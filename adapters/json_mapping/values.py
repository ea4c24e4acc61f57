"""Values of JSON documents, typed: text, decimals, money, instants, states. Exact: decimals, never floats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from adapters.contract import AdapterError
from adapters.json_mapping import forms as f
from adapters.json_mapping import model as m
from adapters.json_mapping.paths import JsonPath, Missing, Scope
from adapters.table.values import CellInvalid, instant_us

DIGITS_MAX = 18
PLACES_MAX = 18  # zeros before or after the digits
DEPTH_TOLD_MAX = 60  # characters of a value in a message

Reader = Callable[[Scope], str]
Test = Callable[[Scope], bool]
State = TypeVar("State")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JsonInvalid(AdapterError):
    """A body is no JSON."""


class ValueRefused(ValueError):
    """A value is not what the mapping says it is; the message names its path and the rule."""


def parse_json(body: bytes) -> Any:
    """Returns a body as JSON whose numbers are ints and decimals.

    Raises:
        JsonInvalid: It is none, or nested too deeply to be read.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as error:
        raise JsonInvalid("the body is nested too deeply") from error
    except ValueError as error:
        raise JsonInvalid(f"the body is no JSON: {error}") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def text_of(value: Any, path: str) -> str:
    """Returns a scalar as text: 7 is "7", true is "true", 1.50 is "1.50"; null is empty.

    Raises:
        ValueRefused: It is a list or an object, or holds half a character.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if not isinstance(value, str):
        raise ValueRefused(f"{path} is {_told(value)}, a text or number was expected")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueRefused(f"{path} holds half of a surrogate pair, which is no text")
    return value.replace("\x00", "").strip()


def number_of(text: str, path: str) -> Decimal:
    """Returns the decimal a text holds: a point as separator, no signs of currencies, no thousands.

    Raises:
        ValueRefused: It is no such number, or longer than any amount.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueRefused(f"{path} is {_told(text)}, a decimal number was expected")
    value = Decimal(text)
    if len(value.as_tuple().digits) > DIGITS_MAX or abs(value.adjusted()) > PLACES_MAX:
        raise ValueRefused(f"{path} is {_told(text)}, which has more than {DIGITS_MAX} digits")
    return value


def reader(value: f.Value, *, required: bool = False) -> Reader:
    """Returns a function that reads a value as text.

    Args:
        value: Where it is.
        required: Whether an empty one is an error.
    """
    if isinstance(value, f.Constant):
        constant = value.constant
        return lambda _: constant
    if isinstance(value, f.Joined):
        parts = [reader(path, required=True) for path in value.join]
        return lambda scope: value.separator.join(part(scope) for part in parts)
    default = value.default if isinstance(value, f.Defaulted) else ""
    path = JsonPath(value.path if isinstance(value, f.Defaulted) else value)

    def read(scope: Scope) -> str:
        text = text_of(_one(path, scope), path.text) or default
        if required and not text:
            raise ValueRefused(f"{path.text} is missing or empty, but required")
        return text

    return read


def number_reader(value: f.Value) -> Callable[[Scope], Decimal]:
    """Returns a function that reads a required number."""
    text, name = reader(value, required=True), place(value)
    return lambda scope: number_of(text(scope), name)


def place(value: f.Value) -> str:
    """Returns what messages call a value."""
    if isinstance(value, f.Constant):
        return f"the constant {value.constant!r}"
    if isinstance(value, f.Joined):
        return " and ".join(value.join)
    return value.path if isinstance(value, f.Defaulted) else value


def state_reader(
    said: str | m.OrderStatusOf | m.DocumentStatusOf, states: dict[str, State]
) -> Callable[[Scope], State]:
    """Returns a function that reads a state."""
    if isinstance(said, str):
        always = states[said]
        return lambda _: always
    text = reader(said.path, required=True)
    known = {value: states[name] for value, name in said.values.items()}

    def read(scope: Scope) -> State:
        value = text(scope)
        if value not in known:
            raise ValueRefused(
                f"{said.path} is {_told(value)}, which is none of its values {', '.join(known)}"
            )
        return known[value]

    return read


def instant_reader(when: f.When | f.TimeVersion, table: f.TimeTable) -> Callable[[Scope], datetime]:
    """Returns a function that reads a required instant."""
    if isinstance(when, str):
        when = f.Moment(path=when)
    path = when.time if isinstance(when, f.TimeVersion) else when.path
    formats, zone = when.formats or table.formats, ZoneInfo(when.zone or table.zone)
    text = reader(path, required=True)
    return lambda scope: instant_of(text(scope), path, formats, zone)


def instant_of(text: str, path: str, formats: Sequence[str], zone: ZoneInfo) -> datetime:
    """Returns the instant a text holds; the first format that fits reads it.

    Raises:
        ValueRefused: None fits, or the clocks skipped that time.
    """
    for form in formats:
        at = (
            _numbered(text, form)
            if form in (f.UNIX, f.UNIX_MS)
            else _written(text, path, form, zone)
        )
        if at is not None:
            return at
    raise ValueRefused(f"{path} is {_told(text)}, a time ({' or '.join(formats)}) was expected")


def _numbered(text: str, form: str) -> datetime | None:
    if not _NUMBER.fullmatch(text) or len(text) > DIGITS_MAX + 2:
        return None
    micros = int(Decimal(text).scaleb(6 if form == f.UNIX else 3))
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def _written(text: str, path: str, form: str, zone: ZoneInfo) -> datetime | None:
    pattern = form
    if form == f.ISO:
        try:
            read = datetime.fromisoformat(text)
        except ValueError:
            return None
        if read.tzinfo is not None:
            return read.astimezone(UTC)
        text, pattern = read.isoformat(timespec="microseconds"), "%Y-%m-%dT%H:%M:%S.%f"
    try:
        return _EPOCH + timedelta(microseconds=instant_us(text, (pattern,), zone))
    except CellInvalid as error:
        if "skipped" in str(error):
            raise ValueRefused(f"{path}: {error}") from None
        return None


def tests(conditions: Sequence[f.Condition]) -> Test:
    """Returns a test of all conditions; of none, it always holds."""
    each = [_test(condition) for condition in conditions]
    return lambda scope: all(test(scope) for test in each)


def test_of(condition: f.Condition | None) -> Test:
    """Returns the test of a condition; without one it never holds."""
    return (lambda _: False) if condition is None else _test(condition)


def _test(condition: f.Condition) -> Test:
    path = JsonPath(condition.path)
    allowed = list(condition.one_of or [])

    def holds(scope: Scope) -> bool:
        value = _one(path, scope)
        if condition.exists is not None and (value is not None) != condition.exists:
            return False
        if condition.equals is not None and not _same(value, condition.equals):
            return False
        if condition.one_of is not None and not any(_same(value, each) for each in allowed):
            return False
        prefix = condition.starts_with
        return prefix is None or (isinstance(value, str) and value.startswith(prefix))

    return holds


def _same(value: Any, expected: f.Scalar) -> bool:
    """Compares as JSON does: true is not 1, and "1" is not 1."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    return type(value) in _LIKE[type(expected)] and bool(value == expected)


_LIKE: dict[type, tuple[type, ...]] = {
    str: (str,),
    int: (int, Decimal),
    Decimal: (int, Decimal),
}


def _one(path: JsonPath, scope: Scope) -> Any:
    try:
        return path.one(scope)
    except Missing as error:
        raise ValueRefused(str(error)) from None


def _told(value: Any) -> str:
    """Returns a value for a message, not too long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    shown = repr(value)
    return shown if len(shown) <= DEPTH_TOLD_MAX else f"{shown[:DEPTH_TOLD_MAX]}…"
