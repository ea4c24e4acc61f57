import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pointbook.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_OUTCOME_UNSPECIFIED: _ClassVar[EventOutcome]
    EVENT_OUTCOME_ACCEPTED: _ClassVar[EventOutcome]
    EVENT_OUTCOME_DUPLICATE: _ClassVar[EventOutcome]
    EVENT_OUTCOME_CONFLICT: _ClassVar[EventOutcome]
    EVENT_OUTCOME_REJECTED: _ClassVar[EventOutcome]

class EventStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_STATUS_UNSPECIFIED: _ClassVar[EventStatus]
    EVENT_STATUS_WAITING: _ClassVar[EventStatus]
    EVENT_STATUS_APPLIED: _ClassVar[EventStatus]
    EVENT_STATUS_PARKED: _ClassVar[EventStatus]
    EVENT_STATUS_DISCARDED: _ClassVar[EventStatus]
EVENT_OUTCOME_UNSPECIFIED: EventOutcome
EVENT_OUTCOME_ACCEPTED: EventOutcome
EVENT_OUTCOME_DUPLICATE: EventOutcome
EVENT_OUTCOME_CONFLICT: EventOutcome
EVENT_OUTCOME_REJECTED: EventOutcome
EVENT_STATUS_UNSPECIFIED: EventStatus
EVENT_STATUS_WAITING: EventStatus
EVENT_STATUS_APPLIED: EventStatus
EVENT_STATUS_PARKED: EventStatus
EVENT_STATUS_DISCARDED: EventStatus

class RecordEventsRequest(_message.Message):
    __slots__ = ("source", "book", "events", "correlation_id")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    source: str
    book: str
    events: _containers.RepeatedCompositeFieldContainer[_events_pb2.Event]
    correlation_id: int
    def __init__(self, source: _Optional[str] = ..., book: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_events_pb2.Event, _Mapping]]] = ..., correlation_id: _Optional[int] = ...) -> None: ...

class RecordEventsResponse(_message.Message):
    __slots__ = ("results", "correlation_id")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EventResult]
    correlation_id: int
    def __init__(self, results: _Optional[_Iterable[_Union[EventResult, _Mapping]]] = ..., correlation_id: _Optional[int] = ...) -> None: ...

class EventResult(_message.Message):
    __slots__ = ("event_id", "outcome", "sequence", "reason", "message", "field", "first_status")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    FIRST_STATUS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    outcome: EventOutcome
    sequence: int
    reason: str
    message: str
    field: str
    first_status: EventStatus
    def __init__(self, event_id: _Optional[str] = ..., outcome: _Optional[_Union[EventOutcome, str]] = ..., sequence: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., first_status: _Optional[_Union[EventStatus, str]] = ...) -> None: ...

class GetEventRequest(_message.Message):
    __slots__ = ("source", "event_id")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    source: str
    event_id: str
    def __init__(self, source: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class GetEventResponse(_message.Message):
    __slots__ = ("sequence", "status", "received_at", "applied_at", "reason", "message", "facts", "entries", "is_superseded")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    APPLIED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    IS_SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    status: EventStatus
    received_at: _timestamp_pb2.Timestamp
    applied_at: _timestamp_pb2.Timestamp
    reason: str
    message: str
    facts: _containers.RepeatedCompositeFieldContainer[PointFact]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    is_superseded: bool
    def __init__(self, sequence: _Optional[int] = ..., status: _Optional[_Union[EventStatus, str]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., applied_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., facts: _Optional[_Iterable[_Union[PointFact, _Mapping]]] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., is_superseded: _Optional[bool] = ...) -> None: ...

class PointFact(_message.Message):
    __slots__ = ("id", "member_id", "kind", "points", "lot_points", "debt_points", "amount_minor", "business_at", "recorded_at", "source", "order_id", "cause", "program_version", "tier", "rules")
    ID_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    LOT_POINTS_FIELD_NUMBER: _ClassVar[int]
    DEBT_POINTS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_AT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    id: int
    member_id: int
    kind: str
    points: int
    lot_points: int
    debt_points: int
    amount_minor: int
    business_at: _timestamp_pb2.Timestamp
    recorded_at: _timestamp_pb2.Timestamp
    source: str
    order_id: str
    cause: str
    program_version: int
    tier: str
    rules: _containers.RepeatedCompositeFieldContainer[RulePoints]
    def __init__(self, id: _Optional[int] = ..., member_id: _Optional[int] = ..., kind: _Optional[str] = ..., points: _Optional[int] = ..., lot_points: _Optional[int] = ..., debt_points: _Optional[int] = ..., amount_minor: _Optional[int] = ..., business_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[str] = ..., order_id: _Optional[str] = ..., cause: _Optional[str] = ..., program_version: _Optional[int] = ..., tier: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[RulePoints, _Mapping]]] = ...) -> None: ...

class RulePoints(_message.Message):
    __slots__ = ("rule", "points")
    RULE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    rule: str
    points: int
    def __init__(self, rule: _Optional[str] = ..., points: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("id", "kind", "business_on", "accounting_on", "postings", "member_id", "store", "order_id", "event_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_ON_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTING_ON_FIELD_NUMBER: _ClassVar[int]
    POSTINGS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    business_on: str
    accounting_on: str
    postings: _containers.RepeatedCompositeFieldContainer[Posting]
    member_id: int
    store: str
    order_id: str
    event_id: str
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., business_on: _Optional[str] = ..., accounting_on: _Optional[str] = ..., postings: _Optional[_Iterable[_Union[Posting, _Mapping]]] = ..., member_id: _Optional[int] = ..., store: _Optional[str] = ..., order_id: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class Posting(_message.Message):
    __slots__ = ("account", "amount", "currency_code")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    account: str
    amount: str
    currency_code: str
    def __init__(self, account: _Optional[str] = ..., amount: _Optional[str] = ..., currency_code: _Optional[str] = ...) -> None: ...
