"""What an ERP says, as values, and their canonical form.

The canonical form is compact JSON with the fields in the order below and defaults left out. It is what the
inbox keeps and what the content hash is taken over. A field added later with a default leaves the form, and so
the hash, of older events as it was: a replay stays a duplicate across upgrades. New fields go to the end.

Instants are microseconds since 1970-01-01 UTC; quantities are millionths of a piece; money is minor units.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import msgspec

MICRO = 1_000_000


class OrderStatus(IntEnum):
    """State of an order; the numbers are those of ``pointbook.v1.OrderStatus``."""

    DRAFT = 1
    CONFIRMED = 2
    COMPLETED = 3
    CANCELLED = 4


class DocumentStatus(IntEnum):
    """State of a shipment or return; the numbers are those of ``pointbook.v1.DocumentStatus``."""

    DRAFT = 1
    DONE = 2
    CANCELLED = 3


class Kind(IntEnum):
    """Kind of an event as it is stored; never renumber."""

    ORDER = 1
    SHIPMENT = 2
    RETURN = 3
    MEMBER = 4
    MEMBERS_MERGED = 5
    PRODUCT = 6
    ACTIVITY = 7
    STOCK = 8
    REDEMPTION_SHIPMENT = 9
    REDEMPTION_RETURN = 10


class OrderLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an order."""

    line_id: str
    quantity_micro: int
    amount_minor: int = 0
    tax_minor: int = 0
    sku: str = ""
    category: str = ""
    is_gift: bool = False
    description: str = ""


class Order(msgspec.Struct, frozen=True, omit_defaults=True, tag="order"):
    """A whole order at one version. ``member`` is a reference key (see ``member_key``), empty for a guest."""

    id: str
    version: int
    status: OrderStatus
    ordered_at: int
    currency_code: str
    member: str = ""
    store: str = ""
    channel: str = ""
    rate_to_book: str = ""
    lines: tuple[OrderLine, ...] = ()
    points_paid_minor: int = 0
    is_redemption: bool = False
    hold_id: str = ""
    changed_at: int | None = None


class ShipmentLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One shipped line."""

    line_id: str
    quantity_micro: int


class Shipment(msgspec.Struct, frozen=True, omit_defaults=True, tag="shipment"):
    """Goods of one order that left; no lines means the whole order."""

    id: str
    version: int
    status: DocumentStatus
    shipped_at: int
    order_id: str
    lines: tuple[ShipmentLine, ...] = ()


class ReturnLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One returned line; without ``line_id`` the amount is off the order as a whole."""

    line_id: str = ""
    quantity_micro: int = 0
    amount_minor: int | None = None
    tax_minor: int | None = None


class Return(msgspec.Struct, frozen=True, omit_defaults=True, tag="return"):
    """Goods or money of one order that came back; without ``order_id`` it takes nothing."""

    id: str
    version: int
    status: DocumentStatus
    returned_at: int
    order_id: str = ""
    lines: tuple[ReturnLine, ...] = ()


class TierGrant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tier and since when it holds."""

    tier: str
    from_at: int


class Member(msgspec.Struct, frozen=True, omit_defaults=True, tag="member"):
    """A member as the ERP knows them; the whole record."""

    id: str
    version: int
    joined_at: int
    is_active: bool = False
    phone: str = ""
    cards: tuple[str, ...] = ()
    display_name: str = ""
    tiers: tuple[TierGrant, ...] = ()
    birthday: str = ""


class MembersMerged(msgspec.Struct, frozen=True, omit_defaults=True, tag="members_merged"):
    """Two members that are one person."""

    id: str
    merged_at: int
    survivor: str
    merged: str


class Product(msgspec.Struct, frozen=True, omit_defaults=True, tag="product"):
    """A product of the ERP."""

    id: str
    version: int
    changed_at: int
    category: str = ""
    description: str = ""
    unit_cost_minor: int | None = None


class Activity(msgspec.Struct, frozen=True, omit_defaults=True, tag="activity"):
    """Something a member did that is not a sale."""

    id: str
    version: int
    kind: str
    happened_at: int
    member: str
    referee: str = ""
    is_cancelled: bool = False


class Stock(msgspec.Struct, frozen=True, omit_defaults=True, tag="stock"):
    """Reward stock counted (``kind`` 1) or received (2)."""

    id: str
    version: int
    kind: int
    counted_at: int
    sku: str
    warehouse: str
    quantity_micro: int
    value_minor: int | None = None


class RedemptionShipment(
    msgspec.Struct, frozen=True, omit_defaults=True, tag="redemption_shipment"
):
    """A redemption order that left the warehouse."""

    id: str
    version: int
    status: DocumentStatus
    shipped_at: int
    redemption_id: str
    lines: tuple[ShipmentLine, ...] = ()


class RedemptionReturn(msgspec.Struct, frozen=True, omit_defaults=True, tag="redemption_return"):
    """Goods of a redemption that came back; damaged ones do not go into stock again."""

    id: str
    version: int
    status: DocumentStatus
    returned_at: int
    redemption_id: str
    lines: tuple[ShipmentLine, ...] = ()
    is_damaged: bool = False


Event = (
    Order
    | Shipment
    | Return
    | Member
    | MembersMerged
    | Product
    | Activity
    | Stock
    | RedemptionShipment
    | RedemptionReturn
)

KINDS: dict[type, Kind] = {
    Order: Kind.ORDER,
    Shipment: Kind.SHIPMENT,
    Return: Kind.RETURN,
    Member: Kind.MEMBER,
    MembersMerged: Kind.MEMBERS_MERGED,
    Product: Kind.PRODUCT,
    Activity: Kind.ACTIVITY,
    Stock: Kind.STOCK,
    RedemptionShipment: Kind.REDEMPTION_SHIPMENT,
    RedemptionReturn: Kind.REDEMPTION_RETURN,
}

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Returns the canonical form of an event."""
    return _encoder.encode(event)


def decode(content: str | bytes) -> Event:
    """Reads an event back from its canonical form.

    Raises:
        msgspec.DecodeError: The content is not an event (damaged, or of a newer release).
    """
    return _decoder.decode(content)


def content_hash(content: bytes) -> bytes:
    """Returns the 32-byte SHA-256 of an event's canonical form."""
    return hashlib.sha256(content).digest()


def member_key(way: str, value: str, source: str) -> str:
    """Returns the key under which a member reference is looked up.

    External ids belong to the source that gave them; telephone numbers and cards are the person's.

    >>> member_key("external_id", "10042", "odoo-cn")
    'external_id:odoo-cn:10042'
    >>> member_key("phone", "+8613800000000", "odoo-cn")
    'phone:+8613800000000'

    A colon in a source is escaped, so that source ``a:b`` with id ``c`` is not source ``a`` with id ``b:c``.

    >>> member_key("external_id", "c", "a:b")
    'external_id:a%3Ab:c'
    """
    if ":" in source or "%" in source:
        source = source.replace("%", "%25").replace(":", "%3A")
    return f"{way}:{source}:{value}" if way == "external_id" else f"{way}:{value}"


def external_id_of(key: str) -> tuple[str, str] | None:
    """Returns source and external id of a member key; None when it names the member another way.

    >>> external_id_of("external_id:a%3Ab:c:d")
    ('a:b', 'c:d')
    >>> external_id_of("phone:+8613800000000")
    """
    way, _, rest = key.partition(":")
    if way != "external_id":
        return None
    source, _, value = rest.partition(":")
    return source.replace("%3A", ":").replace("%25", "%"), value


def lane_key(event: Event) -> str:
    """Returns what decides an event's lane: its member where it names one, else its order or itself.

    Lanes are for speed only; results never depend on them.
    """
    match event:
        case Order():
            return event.member or event.id
        case Shipment() | Return():
            return event.order_id or event.id
        case Activity():
            return event.member
        case MembersMerged():
            return event.survivor
        case RedemptionShipment() | RedemptionReturn():
            return event.redemption_id
        case Stock():
            return event.sku
        case _:
            return event.id
