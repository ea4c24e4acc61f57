import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_DRAFT: _ClassVar[OrderStatus]
    ORDER_STATUS_CONFIRMED: _ClassVar[OrderStatus]
    ORDER_STATUS_COMPLETED: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]

class DocumentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_STATUS_UNSPECIFIED: _ClassVar[DocumentStatus]
    DOCUMENT_STATUS_DRAFT: _ClassVar[DocumentStatus]
    DOCUMENT_STATUS_DONE: _ClassVar[DocumentStatus]
    DOCUMENT_STATUS_CANCELLED: _ClassVar[DocumentStatus]

class StockKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOCK_KIND_UNSPECIFIED: _ClassVar[StockKind]
    STOCK_KIND_COUNTED: _ClassVar[StockKind]
    STOCK_KIND_RECEIVED: _ClassVar[StockKind]
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_DRAFT: OrderStatus
ORDER_STATUS_CONFIRMED: OrderStatus
ORDER_STATUS_COMPLETED: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
DOCUMENT_STATUS_UNSPECIFIED: DocumentStatus
DOCUMENT_STATUS_DRAFT: DocumentStatus
DOCUMENT_STATUS_DONE: DocumentStatus
DOCUMENT_STATUS_CANCELLED: DocumentStatus
STOCK_KIND_UNSPECIFIED: StockKind
STOCK_KIND_COUNTED: StockKind
STOCK_KIND_RECEIVED: StockKind

class Event(_message.Message):
    __slots__ = ("event_id", "order", "shipment", "member", "members_merged", "product", "activity", "stock", "redemption_shipment", "redemption_return")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_FIELD_NUMBER: _ClassVar[int]
    RETURN_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_MERGED_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_SHIPMENT_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_RETURN_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    order: Order
    shipment: Shipment
    member: Member
    members_merged: MembersMerged
    product: Product
    activity: Activity
    stock: Stock
    redemption_shipment: RedemptionShipment
    redemption_return: RedemptionReturn
    def __init__(self, event_id: _Optional[str] = ..., order: _Optional[_Union[Order, _Mapping]] = ..., shipment: _Optional[_Union[Shipment, _Mapping]] = ..., member: _Optional[_Union[Member, _Mapping]] = ..., members_merged: _Optional[_Union[MembersMerged, _Mapping]] = ..., product: _Optional[_Union[Product, _Mapping]] = ..., activity: _Optional[_Union[Activity, _Mapping]] = ..., stock: _Optional[_Union[Stock, _Mapping]] = ..., redemption_shipment: _Optional[_Union[RedemptionShipment, _Mapping]] = ..., redemption_return: _Optional[_Union[RedemptionReturn, _Mapping]] = ..., **kwargs) -> None: ...

class MemberRef(_message.Message):
    __slots__ = ("id", "external_id", "phone", "card")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    id: str
    external_id: str
    phone: str
    card: str
    def __init__(self, id: _Optional[str] = ..., external_id: _Optional[str] = ..., phone: _Optional[str] = ..., card: _Optional[str] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("id", "version", "status", "ordered_at", "member", "store", "channel", "currency_code", "rate_to_book", "lines", "points_paid_minor", "is_redemption", "hold_id", "changed_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ORDERED_AT_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    RATE_TO_BOOK_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    POINTS_PAID_MINOR_FIELD_NUMBER: _ClassVar[int]
    IS_REDEMPTION_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    status: OrderStatus
    ordered_at: _timestamp_pb2.Timestamp
    member: MemberRef
    store: str
    channel: str
    currency_code: str
    rate_to_book: str
    lines: _containers.RepeatedCompositeFieldContainer[OrderLine]
    points_paid_minor: int
    is_redemption: bool
    hold_id: str
    changed_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., ordered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., member: _Optional[_Union[MemberRef, _Mapping]] = ..., store: _Optional[str] = ..., channel: _Optional[str] = ..., currency_code: _Optional[str] = ..., rate_to_book: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[OrderLine, _Mapping]]] = ..., points_paid_minor: _Optional[int] = ..., is_redemption: _Optional[bool] = ..., hold_id: _Optional[str] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderLine(_message.Message):
    __slots__ = ("line_id", "sku", "category", "quantity", "amount_minor", "tax_minor", "is_gift", "description")
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    TAX_MINOR_FIELD_NUMBER: _ClassVar[int]
    IS_GIFT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    line_id: str
    sku: str
    category: str
    quantity: str
    amount_minor: int
    tax_minor: int
    is_gift: bool
    description: str
    def __init__(self, line_id: _Optional[str] = ..., sku: _Optional[str] = ..., category: _Optional[str] = ..., quantity: _Optional[str] = ..., amount_minor: _Optional[int] = ..., tax_minor: _Optional[int] = ..., is_gift: _Optional[bool] = ..., description: _Optional[str] = ...) -> None: ...

class Shipment(_message.Message):
    __slots__ = ("id", "version", "status", "shipped_at", "order_id", "lines")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SHIPPED_AT_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    status: DocumentStatus
    shipped_at: _timestamp_pb2.Timestamp
    order_id: str
    lines: _containers.RepeatedCompositeFieldContainer[ShipmentLine]
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[DocumentStatus, str]] = ..., shipped_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., order_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[ShipmentLine, _Mapping]]] = ...) -> None: ...

class ShipmentLine(_message.Message):
    __slots__ = ("line_id", "quantity")
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    line_id: str
    quantity: str
    def __init__(self, line_id: _Optional[str] = ..., quantity: _Optional[str] = ...) -> None: ...

class Return(_message.Message):
    __slots__ = ("id", "version", "status", "returned_at", "order_id", "lines")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_AT_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    status: DocumentStatus
    returned_at: _timestamp_pb2.Timestamp
    order_id: str
    lines: _containers.RepeatedCompositeFieldContainer[ReturnLine]
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[DocumentStatus, str]] = ..., returned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., order_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[ReturnLine, _Mapping]]] = ...) -> None: ...

class ReturnLine(_message.Message):
    __slots__ = ("line_id", "quantity", "amount_minor", "tax_minor")
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    TAX_MINOR_FIELD_NUMBER: _ClassVar[int]
    line_id: str
    quantity: str
    amount_minor: int
    tax_minor: int
    def __init__(self, line_id: _Optional[str] = ..., quantity: _Optional[str] = ..., amount_minor: _Optional[int] = ..., tax_minor: _Optional[int] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("id", "version", "is_active", "joined_at", "phone", "cards", "display_name", "tiers", "birthday")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    JOINED_AT_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CARDS_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    BIRTHDAY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    is_active: bool
    joined_at: _timestamp_pb2.Timestamp
    phone: str
    cards: _containers.RepeatedScalarFieldContainer[str]
    display_name: str
    tiers: _containers.RepeatedCompositeFieldContainer[TierGrant]
    birthday: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., is_active: _Optional[bool] = ..., joined_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., phone: _Optional[str] = ..., cards: _Optional[_Iterable[str]] = ..., display_name: _Optional[str] = ..., tiers: _Optional[_Iterable[_Union[TierGrant, _Mapping]]] = ..., birthday: _Optional[str] = ...) -> None: ...

class TierGrant(_message.Message):
    __slots__ = ("tier", "from_at")
    TIER_FIELD_NUMBER: _ClassVar[int]
    FROM_AT_FIELD_NUMBER: _ClassVar[int]
    tier: str
    from_at: _timestamp_pb2.Timestamp
    def __init__(self, tier: _Optional[str] = ..., from_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MembersMerged(_message.Message):
    __slots__ = ("id", "merged_at", "survivor", "merged")
    ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_AT_FIELD_NUMBER: _ClassVar[int]
    SURVIVOR_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    id: str
    merged_at: _timestamp_pb2.Timestamp
    survivor: MemberRef
    merged: MemberRef
    def __init__(self, id: _Optional[str] = ..., merged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., survivor: _Optional[_Union[MemberRef, _Mapping]] = ..., merged: _Optional[_Union[MemberRef, _Mapping]] = ...) -> None: ...

class Product(_message.Message):
    __slots__ = ("sku", "version", "changed_at", "category", "description", "unit_cost_minor")
    SKU_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    UNIT_COST_MINOR_FIELD_NUMBER: _ClassVar[int]
    sku: str
    version: int
    changed_at: _timestamp_pb2.Timestamp
    category: str
    description: str
    unit_cost_minor: int
    def __init__(self, sku: _Optional[str] = ..., version: _Optional[int] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., category: _Optional[str] = ..., description: _Optional[str] = ..., unit_cost_minor: _Optional[int] = ...) -> None: ...

class Activity(_message.Message):
    __slots__ = ("id", "version", "kind", "happened_at", "member", "referee", "is_cancelled")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HAPPENED_AT_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    REFEREE_FIELD_NUMBER: _ClassVar[int]
    IS_CANCELLED_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    kind: str
    happened_at: _timestamp_pb2.Timestamp
    member: MemberRef
    referee: MemberRef
    is_cancelled: bool
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., kind: _Optional[str] = ..., happened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., member: _Optional[_Union[MemberRef, _Mapping]] = ..., referee: _Optional[_Union[MemberRef, _Mapping]] = ..., is_cancelled: _Optional[bool] = ...) -> None: ...

class Stock(_message.Message):
    __slots__ = ("id", "version", "kind", "counted_at", "sku", "warehouse", "quantity", "value_minor")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    COUNTED_AT_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    WAREHOUSE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    kind: StockKind
    counted_at: _timestamp_pb2.Timestamp
    sku: str
    warehouse: str
    quantity: str
    value_minor: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., kind: _Optional[_Union[StockKind, str]] = ..., counted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sku: _Optional[str] = ..., warehouse: _Optional[str] = ..., quantity: _Optional[str] = ..., value_minor: _Optional[int] = ...) -> None: ...

class RedemptionShipment(_message.Message):
    __slots__ = ("id", "version", "status", "shipped_at", "redemption_id", "lines")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SHIPPED_AT_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    status: DocumentStatus
    shipped_at: _timestamp_pb2.Timestamp
    redemption_id: str
    lines: _containers.RepeatedCompositeFieldContainer[ShipmentLine]
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[DocumentStatus, str]] = ..., shipped_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., redemption_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[ShipmentLine, _Mapping]]] = ...) -> None: ...

class RedemptionReturn(_message.Message):
    __slots__ = ("id", "version", "status", "returned_at", "redemption_id", "lines", "is_damaged")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_AT_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    IS_DAMAGED_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    status: DocumentStatus
    returned_at: _timestamp_pb2.Timestamp
    redemption_id: str
    lines: _containers.RepeatedCompositeFieldContainer[ShipmentLine]
    is_damaged: bool
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[DocumentStatus, str]] = ..., returned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., redemption_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[ShipmentLine, _Mapping]]] = ..., is_damaged: _Optional[bool] = ...) -> None: ...
