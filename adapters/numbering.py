"""Numbers documents of sources that do not: an identity, a digest of the content, a version that rises."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from adapters.contract import AdapterError
from pointbook.v1 import events_pb2

COUNTED = (
    "stock"  # each count is a document of its own: an old one must not be changed by a new one
)


class Identity(NamedTuple):
    """What a document is known by within its source.

    Attributes:
        kind: The payload's name, for example ``order``.
        id: Its number in the source.
    """

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def identity(event: events_pb2.Event) -> Identity:
    """Returns what the event's document is known by.

    Raises:
        AdapterError: The event carries no document, or the document no number.
    """
    kind = event.WhichOneof("payload")
    if kind is None:
        raise AdapterError("an event without a payload has no identity")
    document = getattr(event, kind)
    number = document.sku if kind == "product" else document.id
    if not number:
        raise AdapterError(f"a document of kind {kind} has no number")
    return Identity(kind, number)


def digest(event: events_pb2.Event) -> bytes:
    """Returns a digest of the document, its version and event id left out; 16 bytes.

    A count of stock is the same as the one before it when the quantity is: when it was counted is left
    out, too. So is when an order or product changed: an ERP's stamp moves with what no document carries.
    """
    bare = events_pb2.Event()
    bare.CopyFrom(event)
    bare.event_id = ""
    kind, _ = identity(event)
    document = getattr(bare, kind)
    if hasattr(document, "version"):
        document.version = 0
    if kind == COUNTED:
        document.ClearField("counted_at")
    if kind in ("order", "product"):
        document.ClearField("changed_at")
    content = bare.SerializeToString(deterministic=True)
    return hashlib.blake2b(content, digest_size=16).digest()


def numbered(event: events_pb2.Event, version: int) -> events_pb2.Event:
    """Returns the event with a version and the event id that goes with it.

    Example: version 1764000000123 of order ``S00001`` is event ``order:S00001:1764000000123``.
    """
    kind, number = identity(event)
    result = events_pb2.Event()
    result.CopyFrom(event)
    document = getattr(result, kind)
    if kind == COUNTED:
        document.id = f"{number}@{version}"
        document.version = 1
    elif hasattr(document, "version"):
        document.version = version
    event_id = f"{kind}:{number}:{version}"
    if len(event_id) > EVENT_ID_LENGTH_MAX:
        tail = hashlib.blake2b(number.encode(), digest_size=16).hexdigest()
        event_id = f"{kind}:{tail}:{version}"
    result.event_id = event_id
    return result


EVENT_ID_LENGTH_MAX = 128
