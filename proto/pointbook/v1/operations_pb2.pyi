import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pointbook.v1 import intake_pb2 as _intake_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetQueuesRequest(_message.Message):
    __slots__ = ("book",)
    BOOK_FIELD_NUMBER: _ClassVar[int]
    book: str
    def __init__(self, book: _Optional[str] = ...) -> None: ...

class GetQueuesResponse(_message.Message):
    __slots__ = ("inbox", "lanes", "queues", "broker_reachable")
    INBOX_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    BROKER_REACHABLE_FIELD_NUMBER: _ClassVar[int]
    inbox: InboxCounts
    lanes: _containers.RepeatedCompositeFieldContainer[LaneCount]
    queues: _containers.RepeatedCompositeFieldContainer[BrokerQueue]
    broker_reachable: bool
    def __init__(self, inbox: _Optional[_Union[InboxCounts, _Mapping]] = ..., lanes: _Optional[_Iterable[_Union[LaneCount, _Mapping]]] = ..., queues: _Optional[_Iterable[_Union[BrokerQueue, _Mapping]]] = ..., broker_reachable: _Optional[bool] = ...) -> None: ...

class InboxCounts(_message.Message):
    __slots__ = ("received", "applied", "waiting", "parked", "discarded", "orders_awaited")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    PARKED_FIELD_NUMBER: _ClassVar[int]
    DISCARDED_FIELD_NUMBER: _ClassVar[int]
    ORDERS_AWAITED_FIELD_NUMBER: _ClassVar[int]
    received: int
    applied: int
    waiting: int
    parked: int
    discarded: int
    orders_awaited: int
    def __init__(self, received: _Optional[int] = ..., applied: _Optional[int] = ..., waiting: _Optional[int] = ..., parked: _Optional[int] = ..., discarded: _Optional[int] = ..., orders_awaited: _Optional[int] = ...) -> None: ...

class LaneCount(_message.Message):
    __slots__ = ("lane", "events")
    LANE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    lane: int
    events: int
    def __init__(self, lane: _Optional[int] = ..., events: _Optional[int] = ...) -> None: ...

class BrokerQueue(_message.Message):
    __slots__ = ("name", "messages", "consumers")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    messages: int
    consumers: int
    def __init__(self, name: _Optional[str] = ..., messages: _Optional[int] = ..., consumers: _Optional[int] = ...) -> None: ...

class ListParkedRequest(_message.Message):
    __slots__ = ("book", "page_size", "page_token")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    book: str
    page_size: int
    page_token: str
    def __init__(self, book: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListParkedResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[ParkedEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[ParkedEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ParkedEvent(_message.Message):
    __slots__ = ("sequence", "source", "event_id", "reason", "message", "parked_at")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PARKED_AT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    source: str
    event_id: str
    reason: str
    message: str
    parked_at: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., source: _Optional[str] = ..., event_id: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., parked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RetryParkedRequest(_message.Message):
    __slots__ = ("sequences", "book")
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    sequences: _containers.RepeatedScalarFieldContainer[int]
    book: str
    def __init__(self, sequences: _Optional[_Iterable[int]] = ..., book: _Optional[str] = ...) -> None: ...

class RetryParkedResponse(_message.Message):
    __slots__ = ("sent",)
    SENT_FIELD_NUMBER: _ClassVar[int]
    sent: int
    def __init__(self, sent: _Optional[int] = ...) -> None: ...

class DiscardParkedRequest(_message.Message):
    __slots__ = ("sequence", "reason")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    reason: str
    def __init__(self, sequence: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class DiscardParkedResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLagRequest(_message.Message):
    __slots__ = ("book",)
    BOOK_FIELD_NUMBER: _ClassVar[int]
    book: str
    def __init__(self, book: _Optional[str] = ...) -> None: ...

class GetLagResponse(_message.Message):
    __slots__ = ("seconds", "batches_waiting", "batches_not_in_ledger")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_WAITING_FIELD_NUMBER: _ClassVar[int]
    BATCHES_NOT_IN_LEDGER_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    batches_waiting: int
    batches_not_in_ledger: int
    def __init__(self, seconds: _Optional[float] = ..., batches_waiting: _Optional[int] = ..., batches_not_in_ledger: _Optional[int] = ...) -> None: ...

class ListDocumentsRequest(_message.Message):
    __slots__ = ("book", "source", "kind", "from_on", "until_on", "page_size", "page_token")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FROM_ON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_ON_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    book: str
    source: str
    kind: str
    from_on: str
    until_on: str
    page_size: int
    page_token: str
    def __init__(self, book: _Optional[str] = ..., source: _Optional[str] = ..., kind: _Optional[str] = ..., from_on: _Optional[str] = ..., until_on: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDocumentsResponse(_message.Message):
    __slots__ = ("documents", "next_page_token")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    next_page_token: str
    def __init__(self, documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Document(_message.Message):
    __slots__ = ("kind", "id", "version", "on", "document_status", "status", "reason", "amount_minor", "currency_code", "quantity", "lines")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    version: int
    on: str
    document_status: str
    status: _intake_pb2.EventStatus
    reason: str
    amount_minor: int
    currency_code: str
    quantity: str
    lines: int
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ..., version: _Optional[int] = ..., on: _Optional[str] = ..., document_status: _Optional[str] = ..., status: _Optional[_Union[_intake_pb2.EventStatus, str]] = ..., reason: _Optional[str] = ..., amount_minor: _Optional[int] = ..., currency_code: _Optional[str] = ..., quantity: _Optional[str] = ..., lines: _Optional[int] = ...) -> None: ...
