"""The mapping file of JSON documents, as pydantic sees it. ``docs/any-system.md`` is its reference.

A value is named in one of two ways: ``"$.a.b"`` (RFC 9535, ``$`` is the document and ``@`` the line or the part that
is being read) or ``{ constant = "web" }``. Unknown keys are errors, so that a typing mistake is found first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from adapters.json_mapping import forms as f

OrderStatus = Literal["draft", "confirmed", "completed", "cancelled"]
DocumentStatus = Literal["draft", "done", "cancelled"]


class OrderStatusOf(f.Strict):
    """A path whose values stand for states; any other value is an error."""

    path: f.Path
    values: Annotated[dict[str, OrderStatus], Field(min_length=1)]


class DocumentStatusOf(f.Strict):
    """As ``OrderStatusOf``, for shipments and returns."""

    path: f.Path
    values: Annotated[dict[str, DocumentStatus], Field(min_length=1)]


class OrderLine(f.Strict):
    """The lines of an order. Without ``id`` they are numbered from 1."""

    each: f.Path
    id: f.Value | None = None
    sku: f.Value = f.Constant(constant="")
    category: f.Value = f.Constant(constant="")
    description: f.Value = f.Constant(constant="")
    quantity: f.Value = f.Constant(constant="1")
    amount: f.Amount
    tax: f.Tax | None = None
    gift: f.Condition | None = None
    when: tuple[f.Condition, ...] = Field((), strict=False)


class ShipmentLine(f.Strict):
    """The lines of a shipment: a line of the order, and how many of it left."""

    each: f.Path
    id: f.Value
    quantity: f.Value
    when: tuple[f.Condition, ...] = Field((), strict=False)


class ReturnLine(f.Strict):
    """The lines of a return; without ``id`` the amount is off the order as a whole. ``negated``: with minus signs."""

    each: f.Path
    id: f.Value = f.Constant(constant="")
    quantity: f.Value = f.Constant(constant="1")
    amount: f.Amount | None = None
    tax: f.Tax | None = None
    negated: bool = False
    when: tuple[f.Condition, ...] = Field((), strict=False)


class _Section(f.Strict):
    """What all sections have: the documents they take, and which parts of them (``each``) are one event."""

    when: tuple[f.Condition, ...] = Field((), strict=False)


class Ignored(_Section):
    """Documents that mean nothing here."""

    kind: Literal["ignore"]


class _Document(_Section):
    id: f.Value
    version: f.Version | None = None
    each: f.Path | None = None


class Order(_Document):
    """Orders."""

    kind: Literal["order"]
    status: OrderStatus | OrderStatusOf
    ordered_at: f.When
    changed_at: f.When | None = None
    member: f.Member | None = None
    store: f.Value = f.Constant(constant="")
    channel: f.Value = f.Constant(constant="")
    points_paid: f.Value | None = None
    hold_id: f.Value = f.Constant(constant="")
    redemption: f.Condition | None = None
    line: OrderLine


class Shipment(_Document):
    """Shipments of orders; without ``line``, each ships its whole order."""

    kind: Literal["shipment"]
    status: DocumentStatus | DocumentStatusOf = "done"
    shipped_at: f.When
    order_id: f.Value
    line: ShipmentLine | None = None


class Return(_Document):
    """Returns of orders."""

    kind: Literal["return"]
    status: DocumentStatus | DocumentStatusOf = "done"
    returned_at: f.When
    order_id: f.Value = f.Constant(constant="")
    line: ReturnLine


class MemberDocument(_Document):
    """Members. A phone number that names no country is left out."""

    kind: Literal["member"]
    joined_at: f.When
    phone: f.Value = f.Constant(constant="")
    cards: f.Path | None = None
    display_name: f.Value = f.Constant(constant="")
    birthday: f.Value = f.Constant(constant="")
    tier: f.Value = f.Constant(constant="")
    inactive: f.Condition | None = None


class Product(_Document):
    """Products; ``id`` is the SKU. The cost is in the currency of ``[money]``, which is the book's then."""

    kind: Literal["product"]
    changed_at: f.When
    category: f.Value = f.Constant(constant="")
    description: f.Value = f.Constant(constant="")
    unit_cost: f.Value | None = None


class Activity(_Document):
    """What members did that is not a sale; ``activity`` is its kind for the program's rules."""

    kind: Literal["activity"]
    activity: f.Value
    happened_at: f.When
    member: f.Member
    referee: f.Member | None = None
    cancelled: f.Condition | None = None


class Stock(_Document):
    """Reward stock: a count of what is on hand, or a receipt."""

    kind: Literal["stock"]
    counted: bool = True
    counted_at: f.When
    sku: f.Value
    warehouse: f.Value
    quantity: f.Value
    value: f.Value | None = None


class RedemptionShipment(_Document):
    """Goods of a redemption that left; ``redemption_id`` with or without ``pointbook:`` before it."""

    kind: Literal["redemption_shipment"]
    status: DocumentStatus | DocumentStatusOf = "done"
    shipped_at: f.When
    redemption_id: f.Value
    line: ShipmentLine | None = None


class RedemptionReturn(_Document):
    """Goods of a redemption that came back."""

    kind: Literal["redemption_return"]
    status: DocumentStatus | DocumentStatusOf = "done"
    returned_at: f.When
    redemption_id: f.Value
    line: ShipmentLine
    damaged: f.Condition | None = None


Section = Annotated[
    Ignored
    | Order
    | Shipment
    | Return
    | MemberDocument
    | Product
    | Activity
    | Stock
    | RedemptionShipment
    | RedemptionReturn,
    Field(discriminator="kind"),
]


class Mapping(f.Strict):
    """A whole mapping file."""

    format: Literal[1]
    items: f.Path = "$"
    time: f.TimeTable = f.TimeTable()
    money: f.Money | None = None
    documents: Annotated[list[Section], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for number, each in enumerate(self.documents):
            for broken in _broken(each, self.money):
                raise ValueError(f"documents.{number} ({each.kind}): {broken}")
        return self

    @property
    def is_versioned(self) -> bool:
        """Whether every document brings its version, so that an old one read again does no harm."""
        return all(isinstance(each, Ignored) or each.version for each in self.documents)


def _broken(section: Section, money: f.Money | None) -> Iterator[str]:
    if money is None and _speaks_of_money(section):
        yield "needs a [money] table"
    line = section.line if isinstance(section, Order | Return) else None
    is_gross = money is not None and money.amounts == "gross"
    if is_gross and line is not None and line.amount is not None and line.tax is None:
        yield (
            "amounts are gross, so name the tax in them; "
            'tax = { percent = { constant = "0" } } when there is none'
        )
    if isinstance(section, Stock) and not section.counted and section.version is None:
        yield "a receipt needs a version: numbered here, a corrected one would count twice"


def _speaks_of_money(section: Section) -> bool:
    if isinstance(section, Order):
        return True
    if isinstance(section, Return):
        return section.line.amount is not None
    if isinstance(section, Product):
        return section.unit_cost is not None
    return isinstance(section, Stock) and section.value is not None
