import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pointbook.v1 import events_pb2 as _events_pb2
from pointbook.v1 import intake_pb2 as _intake_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemberSelector(_message.Message):
    __slots__ = ("book", "member", "source")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    book: str
    member: _events_pb2.MemberRef
    source: str
    def __init__(self, book: _Optional[str] = ..., member: _Optional[_Union[_events_pb2.MemberRef, _Mapping]] = ..., source: _Optional[str] = ...) -> None: ...

class GetMemberRequest(_message.Message):
    __slots__ = ("selector",)
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    selector: MemberSelector
    def __init__(self, selector: _Optional[_Union[MemberSelector, _Mapping]] = ...) -> None: ...

class GetMemberResponse(_message.Message):
    __slots__ = ("member",)
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    member: MemberSummary
    def __init__(self, member: _Optional[_Union[MemberSummary, _Mapping]] = ...) -> None: ...

class MemberSummary(_message.Message):
    __slots__ = ("member_id", "book", "is_active", "joined_at", "tier", "tiers", "points", "debt", "external_ids")
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    JOINED_AT_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    DEBT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_IDS_FIELD_NUMBER: _ClassVar[int]
    member_id: int
    book: str
    is_active: bool
    joined_at: _timestamp_pb2.Timestamp
    tier: str
    tiers: _containers.RepeatedCompositeFieldContainer[_events_pb2.TierGrant]
    points: int
    debt: int
    external_ids: _containers.RepeatedCompositeFieldContainer[ExternalId]
    def __init__(self, member_id: _Optional[int] = ..., book: _Optional[str] = ..., is_active: _Optional[bool] = ..., joined_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tier: _Optional[str] = ..., tiers: _Optional[_Iterable[_Union[_events_pb2.TierGrant, _Mapping]]] = ..., points: _Optional[int] = ..., debt: _Optional[int] = ..., external_ids: _Optional[_Iterable[_Union[ExternalId, _Mapping]]] = ...) -> None: ...

class ExternalId(_message.Message):
    __slots__ = ("source", "external_id")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    source: str
    external_id: str
    def __init__(self, source: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ("book", "page_size", "page_token")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    book: str
    page_size: int
    page_token: str
    def __init__(self, book: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("members", "next_page_token")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[MemberSummary]
    next_page_token: str
    def __init__(self, members: _Optional[_Iterable[_Union[MemberSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ("selector", "as_of")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    selector: MemberSelector
    as_of: _timestamp_pb2.Timestamp
    def __init__(self, selector: _Optional[_Union[MemberSelector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetBalanceResponse(_message.Message):
    __slots__ = ("member_id", "available", "pending", "held", "debt", "expiring", "tier", "next_tier")
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    DEBT_FIELD_NUMBER: _ClassVar[int]
    EXPIRING_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIER_FIELD_NUMBER: _ClassVar[int]
    member_id: int
    available: int
    pending: int
    held: int
    debt: int
    expiring: _containers.RepeatedCompositeFieldContainer[ExpiringPoints]
    tier: str
    next_tier: str
    def __init__(self, member_id: _Optional[int] = ..., available: _Optional[int] = ..., pending: _Optional[int] = ..., held: _Optional[int] = ..., debt: _Optional[int] = ..., expiring: _Optional[_Iterable[_Union[ExpiringPoints, _Mapping]]] = ..., tier: _Optional[str] = ..., next_tier: _Optional[str] = ...) -> None: ...

class ExpiringPoints(_message.Message):
    __slots__ = ("expires_on", "points")
    EXPIRES_ON_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    expires_on: str
    points: int
    def __init__(self, expires_on: _Optional[str] = ..., points: _Optional[int] = ...) -> None: ...

class ListPointFactsRequest(_message.Message):
    __slots__ = ("selector", "page_size", "page_token")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    selector: MemberSelector
    page_size: int
    page_token: str
    def __init__(self, selector: _Optional[_Union[MemberSelector, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPointFactsResponse(_message.Message):
    __slots__ = ("facts", "next_page_token")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[_intake_pb2.PointFact]
    next_page_token: str
    def __init__(self, facts: _Optional[_Iterable[_Union[_intake_pb2.PointFact, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class QuoteOrderRequest(_message.Message):
    __slots__ = ("book", "source", "order")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    book: str
    source: str
    order: _events_pb2.Order
    def __init__(self, book: _Optional[str] = ..., source: _Optional[str] = ..., order: _Optional[_Union[_events_pb2.Order, _Mapping]] = ...) -> None: ...

class QuoteOrderResponse(_message.Message):
    __slots__ = ("points", "rules")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    points: int
    rules: _containers.RepeatedCompositeFieldContainer[_intake_pb2.RulePoints]
    def __init__(self, points: _Optional[int] = ..., rules: _Optional[_Iterable[_Union[_intake_pb2.RulePoints, _Mapping]]] = ...) -> None: ...

class AdjustPointsRequest(_message.Message):
    __slots__ = ("selector", "points", "reason", "idempotency_key", "actor")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    selector: MemberSelector
    points: int
    reason: str
    idempotency_key: str
    actor: str
    def __init__(self, selector: _Optional[_Union[MemberSelector, _Mapping]] = ..., points: _Optional[int] = ..., reason: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class AdjustPointsResponse(_message.Message):
    __slots__ = ("fact",)
    FACT_FIELD_NUMBER: _ClassVar[int]
    fact: _intake_pb2.PointFact
    def __init__(self, fact: _Optional[_Union[_intake_pb2.PointFact, _Mapping]] = ...) -> None: ...

class TransferPointsRequest(_message.Message):
    __slots__ = ("to", "points", "idempotency_key")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    to: MemberSelector
    points: int
    idempotency_key: str
    def __init__(self, to: _Optional[_Union[MemberSelector, _Mapping]] = ..., points: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., **kwargs) -> None: ...

class TransferPointsResponse(_message.Message):
    __slots__ = ("facts",)
    FACTS_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[_intake_pb2.PointFact]
    def __init__(self, facts: _Optional[_Iterable[_Union[_intake_pb2.PointFact, _Mapping]]] = ...) -> None: ...

class MergeMembersRequest(_message.Message):
    __slots__ = ("survivor", "merged")
    SURVIVOR_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    survivor: MemberSelector
    merged: MemberSelector
    def __init__(self, survivor: _Optional[_Union[MemberSelector, _Mapping]] = ..., merged: _Optional[_Union[MemberSelector, _Mapping]] = ...) -> None: ...

class MergeMembersResponse(_message.Message):
    __slots__ = ("survivor",)
    SURVIVOR_FIELD_NUMBER: _ClassVar[int]
    survivor: MemberSummary
    def __init__(self, survivor: _Optional[_Union[MemberSummary, _Mapping]] = ...) -> None: ...

class ImportMembersRequest(_message.Message):
    __slots__ = ("book", "source", "member")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    book: str
    source: str
    member: _events_pb2.Member
    def __init__(self, book: _Optional[str] = ..., source: _Optional[str] = ..., member: _Optional[_Union[_events_pb2.Member, _Mapping]] = ...) -> None: ...

class ImportMembersResponse(_message.Message):
    __slots__ = ("imported", "refused")
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    imported: int
    refused: _containers.RepeatedCompositeFieldContainer[_intake_pb2.EventResult]
    def __init__(self, imported: _Optional[int] = ..., refused: _Optional[_Iterable[_Union[_intake_pb2.EventResult, _Mapping]]] = ...) -> None: ...

class ExportMemberRequest(_message.Message):
    __slots__ = ("selector",)
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    selector: MemberSelector
    def __init__(self, selector: _Optional[_Union[MemberSelector, _Mapping]] = ...) -> None: ...

class ExportMemberResponse(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...

class EraseMemberRequest(_message.Message):
    __slots__ = ("selector", "reason")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    selector: MemberSelector
    reason: str
    def __init__(self, selector: _Optional[_Union[MemberSelector, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class EraseMemberResponse(_message.Message):
    __slots__ = ("member_id",)
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    member_id: int
    def __init__(self, member_id: _Optional[int] = ...) -> None: ...
