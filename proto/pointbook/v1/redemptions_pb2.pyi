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
    __slots__ = ("code", "name", "points", "amount_minor", "available", "kind", "sku", "warehouse", "face_minor", "valid_from", "valid_until", "draw_commitment")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    FACE_MINOR_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    DRAW_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    points: int
    amount_minor: int
    available: int
    kind: str
    sku: str
    warehouse: str
    face_minor: int
    valid_from: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    draw_commitment: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., points: _Optional[int] = ..., amount_minor: _Optional[int] = ..., available: _Optional[int] = ..., kind: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., face_minor: _Optional[int] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., draw_commitment: _Optional[str] = ...) -> None: ...

class QuoteOffsetRequest(_message.Message):
    __slots__ = ("selector", "total_minor")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    total_minor: int
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ..., total_minor: _Optional[int] = ...) -> None: ...

class QuoteOffsetResponse(_message.Message):
    __slots__ = ("points_max", "amount_minor", "available", "rest_minor")
    POINTS_MAX_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    REST_MINOR_FIELD_NUMBER: _ClassVar[int]
    points_max: int
    amount_minor: int
    available: int
    rest_minor: int
    def __init__(self, points_max: _Optional[int] = ..., amount_minor: _Optional[int] = ..., available: _Optional[int] = ..., rest_minor: _Optional[int] = ...) -> None: ...

class RequestRedemptionRequest(_message.Message):
    __slots__ = ("selector", "reward", "quantity", "idempotency_key", "actor", "store")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    reward: str
    quantity: int
    idempotency_key: str
    actor: str
    store: str
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ..., reward: _Optional[str] = ..., quantity: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., actor: _Optional[str] = ..., store: _Optional[str] = ...) -> None: ...

class DecideRedemptionRequest(_message.Message):
    __slots__ = ("redemption_id", "actor", "reason", "book")
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    actor: str
    reason: str
    book: str
    def __init__(self, redemption_id: _Optional[str] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., book: _Optional[str] = ...) -> None: ...

class GetRedemptionRequest(_message.Message):
    __slots__ = ("redemption_id", "book", "with_codes")
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    WITH_CODES_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    book: str
    with_codes: bool
    def __init__(self, redemption_id: _Optional[str] = ..., book: _Optional[str] = ..., with_codes: _Optional[bool] = ...) -> None: ...

class RedemptionResponse(_message.Message):
    __slots__ = ("redemption", "is_repeated", "coupon_codes")
    REDEMPTION_FIELD_NUMBER: _ClassVar[int]
    IS_REPEATED_FIELD_NUMBER: _ClassVar[int]
    COUPON_CODES_FIELD_NUMBER: _ClassVar[int]
    redemption: Redemption
    is_repeated: bool
    coupon_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, redemption: _Optional[_Union[Redemption, _Mapping]] = ..., is_repeated: _Optional[bool] = ..., coupon_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class Redemption(_message.Message):
    __slots__ = ("redemption_id", "member_id", "reward", "quantity", "points", "status", "requested_at", "erp_order_id", "kind", "amount_minor", "face_minor", "sku", "warehouse", "store", "requested_by", "approved_by", "is_escalated", "expires_at", "erp_source", "shipped", "returned", "held", "spent", "erp_task", "program_version", "tickets", "steps")
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    ERP_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    FACE_MINOR_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    APPROVED_BY_FIELD_NUMBER: _ClassVar[int]
    IS_ESCALATED_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ERP_SOURCE_FIELD_NUMBER: _ClassVar[int]
    SHIPPED_FIELD_NUMBER: _ClassVar[int]
    RETURNED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    ERP_TASK_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    member_id: int
    reward: str
    quantity: int
    points: int
    status: str
    requested_at: _timestamp_pb2.Timestamp
    erp_order_id: str
    kind: str
    amount_minor: int
    face_minor: int
    sku: str
    warehouse: str
    store: str
    requested_by: str
    approved_by: str
    is_escalated: bool
    expires_at: _timestamp_pb2.Timestamp
    erp_source: str
    shipped: int
    returned: int
    held: int
    spent: int
    erp_task: str
    program_version: int
    tickets: _containers.RepeatedScalarFieldContainer[str]
    steps: _containers.RepeatedCompositeFieldContainer[RedemptionStep]
    def __init__(self, redemption_id: _Optional[str] = ..., member_id: _Optional[int] = ..., reward: _Optional[str] = ..., quantity: _Optional[int] = ..., points: _Optional[int] = ..., status: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., erp_order_id: _Optional[str] = ..., kind: _Optional[str] = ..., amount_minor: _Optional[int] = ..., face_minor: _Optional[int] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., store: _Optional[str] = ..., requested_by: _Optional[str] = ..., approved_by: _Optional[str] = ..., is_escalated: _Optional[bool] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., erp_source: _Optional[str] = ..., shipped: _Optional[int] = ..., returned: _Optional[int] = ..., held: _Optional[int] = ..., spent: _Optional[int] = ..., erp_task: _Optional[str] = ..., program_version: _Optional[int] = ..., tickets: _Optional[_Iterable[str]] = ..., steps: _Optional[_Iterable[_Union[RedemptionStep, _Mapping]]] = ...) -> None: ...

class RedemptionStep(_message.Message):
    __slots__ = ("id", "kind", "business_at", "actor", "reason", "cause", "pieces", "points", "face_minor")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    FACE_MINOR_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    business_at: _timestamp_pb2.Timestamp
    actor: str
    reason: str
    cause: str
    pieces: int
    points: int
    face_minor: int
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., business_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., cause: _Optional[str] = ..., pieces: _Optional[int] = ..., points: _Optional[int] = ..., face_minor: _Optional[int] = ...) -> None: ...

class ListRedemptionsRequest(_message.Message):
    __slots__ = ("book", "status", "page_size", "page_token", "erp_task", "warehouse", "kind", "member_id")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ERP_TASK_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    book: str
    status: str
    page_size: int
    page_token: str
    erp_task: str
    warehouse: str
    kind: str
    member_id: int
    def __init__(self, book: _Optional[str] = ..., status: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., erp_task: _Optional[str] = ..., warehouse: _Optional[str] = ..., kind: _Optional[str] = ..., member_id: _Optional[int] = ...) -> None: ...

class ListRedemptionsResponse(_message.Message):
    __slots__ = ("redemptions", "next_page_token")
    REDEMPTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    redemptions: _containers.RepeatedCompositeFieldContainer[Redemption]
    next_page_token: str
    def __init__(self, redemptions: _Optional[_Iterable[_Union[Redemption, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AcknowledgeRedemptionRequest(_message.Message):
    __slots__ = ("redemption_id", "source", "erp_order_id", "erp_task", "book")
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ERP_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ERP_TASK_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    redemption_id: str
    source: str
    erp_order_id: str
    erp_task: str
    book: str
    def __init__(self, redemption_id: _Optional[str] = ..., source: _Optional[str] = ..., erp_order_id: _Optional[str] = ..., erp_task: _Optional[str] = ..., book: _Optional[str] = ...) -> None: ...

class HoldPointsRequest(_message.Message):
    __slots__ = ("selector", "points", "idempotency_key", "expires_at", "actor", "store", "total_minor")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    selector: _members_pb2.MemberSelector
    points: int
    idempotency_key: str
    expires_at: _timestamp_pb2.Timestamp
    actor: str
    store: str
    total_minor: int
    def __init__(self, selector: _Optional[_Union[_members_pb2.MemberSelector, _Mapping]] = ..., points: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., store: _Optional[str] = ..., total_minor: _Optional[int] = ...) -> None: ...

class CaptureHoldRequest(_message.Message):
    __slots__ = ("hold_id", "points", "order_id", "book", "actor")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    points: int
    order_id: str
    book: str
    actor: str
    def __init__(self, hold_id: _Optional[str] = ..., points: _Optional[int] = ..., order_id: _Optional[str] = ..., book: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class VoidHoldRequest(_message.Message):
    __slots__ = ("hold_id", "book", "actor")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    book: str
    actor: str
    def __init__(self, hold_id: _Optional[str] = ..., book: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class HoldResponse(_message.Message):
    __slots__ = ("hold_id", "held", "captured", "status", "amount_minor", "expires_at")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    held: int
    captured: int
    status: str
    amount_minor: int
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, hold_id: _Optional[str] = ..., held: _Optional[int] = ..., captured: _Optional[int] = ..., status: _Optional[str] = ..., amount_minor: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetCouponRequest(_message.Message):
    __slots__ = ("code", "book")
    CODE_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    code: str
    book: str
    def __init__(self, code: _Optional[str] = ..., book: _Optional[str] = ...) -> None: ...

class RedeemCouponRequest(_message.Message):
    __slots__ = ("code", "order_id", "actor", "book")
    CODE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    code: str
    order_id: str
    actor: str
    book: str
    def __init__(self, code: _Optional[str] = ..., order_id: _Optional[str] = ..., actor: _Optional[str] = ..., book: _Optional[str] = ...) -> None: ...

class ReverseCouponRequest(_message.Message):
    __slots__ = ("code", "order_id", "actor", "reason", "book")
    CODE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    code: str
    order_id: str
    actor: str
    reason: str
    book: str
    def __init__(self, code: _Optional[str] = ..., order_id: _Optional[str] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., book: _Optional[str] = ...) -> None: ...

class CouponResponse(_message.Message):
    __slots__ = ("serial", "reward", "status", "face_minor", "expires_at", "redemption_id", "order_id")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FACE_MINOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    serial: int
    reward: str
    status: str
    face_minor: int
    expires_at: _timestamp_pb2.Timestamp
    redemption_id: str
    order_id: str
    def __init__(self, serial: _Optional[int] = ..., reward: _Optional[str] = ..., status: _Optional[str] = ..., face_minor: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., redemption_id: _Optional[str] = ..., order_id: _Optional[str] = ...) -> None: ...

class ListDrawsRequest(_message.Message):
    __slots__ = ("book", "reward")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    book: str
    reward: str
    def __init__(self, book: _Optional[str] = ..., reward: _Optional[str] = ...) -> None: ...

class ListDrawsResponse(_message.Message):
    __slots__ = ("draws",)
    DRAWS_FIELD_NUMBER: _ClassVar[int]
    draws: _containers.RepeatedCompositeFieldContainer[Draw]
    def __init__(self, draws: _Optional[_Iterable[_Union[Draw, _Mapping]]] = ...) -> None: ...

class Draw(_message.Message):
    __slots__ = ("draw_id", "reward", "commitment", "opened_at", "drawn_at", "seed", "beacon", "tickets_digest", "tickets", "winners", "winner_count", "committed")
    DRAW_ID_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    DRAWN_AT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BEACON_FIELD_NUMBER: _ClassVar[int]
    TICKETS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    WINNERS_FIELD_NUMBER: _ClassVar[int]
    WINNER_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    draw_id: int
    reward: str
    commitment: str
    opened_at: _timestamp_pb2.Timestamp
    drawn_at: _timestamp_pb2.Timestamp
    seed: str
    beacon: str
    tickets_digest: str
    tickets: _containers.RepeatedScalarFieldContainer[str]
    winners: _containers.RepeatedScalarFieldContainer[str]
    winner_count: int
    committed: str
    def __init__(self, draw_id: _Optional[int] = ..., reward: _Optional[str] = ..., commitment: _Optional[str] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drawn_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seed: _Optional[str] = ..., beacon: _Optional[str] = ..., tickets_digest: _Optional[str] = ..., tickets: _Optional[_Iterable[str]] = ..., winners: _Optional[_Iterable[str]] = ..., winner_count: _Optional[int] = ..., committed: _Optional[str] = ...) -> None: ...

class GetStockRequest(_message.Message):
    __slots__ = ("book", "sku", "warehouse")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    book: str
    sku: str
    warehouse: str
    def __init__(self, book: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ...) -> None: ...

class GetStockResponse(_message.Message):
    __slots__ = ("levels",)
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    levels: _containers.RepeatedCompositeFieldContainer[StockLevel]
    def __init__(self, levels: _Optional[_Iterable[_Union[StockLevel, _Mapping]]] = ...) -> None: ...

class StockLevel(_message.Message):
    __slots__ = ("sku", "warehouse", "on_hand", "reserved", "value_minor", "available", "short")
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    ON_HAND_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    SHORT_FIELD_NUMBER: _ClassVar[int]
    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    value_minor: int
    available: int
    short: int
    def __init__(self, sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., on_hand: _Optional[int] = ..., reserved: _Optional[int] = ..., value_minor: _Optional[int] = ..., available: _Optional[int] = ..., short: _Optional[int] = ...) -> None: ...

class ListStockMovesRequest(_message.Message):
    __slots__ = ("book", "sku", "warehouse", "page_size", "page_token")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    book: str
    sku: str
    warehouse: str
    page_size: int
    page_token: str
    def __init__(self, book: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStockMovesResponse(_message.Message):
    __slots__ = ("moves", "next_page_token")
    MOVES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    moves: _containers.RepeatedCompositeFieldContainer[StockMove]
    next_page_token: str
    def __init__(self, moves: _Optional[_Iterable[_Union[StockMove, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class StockMove(_message.Message):
    __slots__ = ("id", "kind", "sku", "warehouse", "pieces", "value_minor", "business_at", "source", "document_id", "redemption_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    sku: str
    warehouse: str
    pieces: int
    value_minor: int
    business_at: _timestamp_pb2.Timestamp
    source: str
    document_id: str
    redemption_id: str
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., pieces: _Optional[int] = ..., value_minor: _Optional[int] = ..., business_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[str] = ..., document_id: _Optional[str] = ..., redemption_id: _Optional[str] = ...) -> None: ...
