import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pointbook.v1 import members_pb2 as _members_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListRewardsRequest(_message.Message):
    __slots__ = ("selector",)
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ...) -> None: ...

class ListRewardsResponse(_message.Message):
    __slots__ = ("rewards",)
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    rewards: _containers.RepeatedCompositeFieldContainer[Reward]
    def __init__(self, rewards: _Optional[_Iterable[_Union[Reward, _Mapping]]] = ...) -> None: ...

class Reward(_message.Message):
    __slots__ = ("code", "name", "points", "amount_minor", "available")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    points: int
    amount_minor: int
    available: int
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., points: _Optional[int] = ..., amount_minor: _Optional[int] = ..., available: _Optional[int] = ...) -> None: ...

class QuoteOffsetRequest(_message.Message):
    __slots__ = ("selector", "total_minor")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    total_minor: int
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ..., total_minor: _Optional[int] = ...) -> None: ...

class QuoteOffsetResponse(_message.Message):
    __slots__ = ("points_max", "amount_minor")
    POINTS_MAX_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    points_max: int
    amount_minor: int
    def __init__(self, points_max: _Optional[int] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class RequestRedemptionRequest(_message.Message):
    __slots__ = ("selector", "reward", "quantity", "idempotency_key", "actor")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    reward: str
    quantity: int
    idempotency_key: str
    actor: str
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ..., reward: _Optional[str] = ..., quantity: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class DecideRedemptionRequest(_message.Message):
    __slots__ = ("redemption_id", "actor", "reason")
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    actor: str
    reason: str
    def __init__(self, redemption_id: _Optional[str] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class GetRedemptionRequest(_message.Message):
    __slots__ = ("redemption_id",)
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    def __init__(self, redemption_id: _Optional[str] = ...) -> None: ...

class RedemptionResponse(_message.Message):
    __slots__ = ("redemption",)
    REDEMPTION_FIELD_NUMBER: _ClassVar[int]
    redemption: Redemption
    def __init__(self, redemption: _Optional[_Union[Redemption, _Mapping]] = ...) -> None: ...

class Redemption(_message.Message):
    __slots__ = ("redemption_id", "member_id", "reward", "quantity", "points", "status", "requested_at", "erp_order_id")
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    ERP_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    member_id: int
    reward: str
    quantity: int
    points: int
    status: str
    requested_at: _timestamp_pb2.Timestamp
    erp_order_id: str
    def __init__(self, redemption_id: _Optional[str] = ..., member_id: _Optional[int] = ..., reward: _Optional[str] = ..., quantity: _Optional[int] = ..., points: _Optional[int] = ..., status: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., erp_order_id: _Optional[str] = ...) -> None: ...

class ListRedemptionsRequest(_message.Message):
    __slots__ = ("book", "status", "page_size", "page_token")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    book: str
    status: str
    page_size: int
    page_token: str
    def __init__(self, book: _Optional[str] = ..., status: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRedemptionsResponse(_message.Message):
    __slots__ = ("redemptions", "next_page_token")
    REDEMPTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    redemptions: _containers.RepeatedCompositeFieldContainer[Redemption]
    next_page_token: str
    def __init__(self, redemptions: _Optional[_Iterable[_Union[Redemption, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class HoldPointsRequest(_message.Message):
    __slots__ = ("selector", "points", "idempotency_key", "expires_at")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    points: int
    idempotency_key: str
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ..., points: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CaptureHoldRequest(_message.Message):
    __slots__ = ("hold_id", "points", "order_id")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    points: int
    order_id: str
    def __init__(self, hold_id: _Optional[str] = ..., points: _Optional[int] = ..., order_id: _Optional[str] = ...) -> None: ...

class VoidHoldRequest(_message.Message):
    __slots__ = ("hold_id",)
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    def __init__(self, hold_id: _Optional[str] = ...) -> None: ...

class HoldResponse(_message.Message):
    __slots__ = ("hold_id", "held", "captured")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    held: int
    captured: int
    def __init__(self, hold_id: _Optional[str] = ..., held: _Optional[int] = ..., captured: _Optional[int] = ...) -> None: ...

class GetStockRequest(_message.Message):
    __slots__ = ("book", "sku")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    book: str
    sku: str
    def __init__(self, book: _Optional[str] = ..., sku: _Optional[str] = ...) -> None: ...

class GetStockResponse(_message.Message):
    __slots__ = ("levels",)
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    levels: _containers.RepeatedCompositeFieldContainer[StockLevel]
    def __init__(self, levels: _Optional[_Iterable[_Union[StockLevel, _Mapping]]] = ...) -> None: ...

class StockLevel(_message.Message):
    __slots__ = ("sku", "warehouse", "on_hand", "reserved", "value_minor")
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    ON_HAND_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    value_minor: int
    def __init__(self, sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., on_hand: _Optional[int] = ..., reserved: _Optional[int] = ..., value_minor: _Optional[int] = ...) -> None: ...
