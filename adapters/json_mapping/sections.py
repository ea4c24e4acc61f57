"""Sections of a mapping as functions: each makes an event of a document, or of a part of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from adapters.json_mapping import forms as f
from adapters.json_mapping import model as m
from adapters.json_mapping.lines import (
    TEXT_LENGTH_MAX,
    order_lines,
    return_lines,
    shipment_lines,
)
from adapters.json_mapping.money import currency_reader, minor_reader, quantity_reader, rate_reader
from adapters.json_mapping.paths import JsonPath, Scope
from adapters.json_mapping.values import (
    ValueRefused,
    instant_reader,
    number_of,
    reader,
    state_reader,
    test_of,
    text_of,
)
from adapters.wire_values import ascii_id, e164, instant, quantity_text, redemption_of
from pointbook.v1 import events_pb2

ORDER_STATES: dict[str, events_pb2.OrderStatus] = {
    "draft": events_pb2.ORDER_STATUS_DRAFT,
    "confirmed": events_pb2.ORDER_STATUS_CONFIRMED,
    "completed": events_pb2.ORDER_STATUS_COMPLETED,
    "cancelled": events_pb2.ORDER_STATUS_CANCELLED,
}
DOCUMENT_STATES: dict[str, events_pb2.DocumentStatus] = {
    "draft": events_pb2.DOCUMENT_STATUS_DRAFT,
    "done": events_pb2.DOCUMENT_STATUS_DONE,
    "cancelled": events_pb2.DOCUMENT_STATUS_CANCELLED,
}
VERSION_MAX = 10**18
CARDS_MAX = 16
CARD_LENGTH_MAX = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Maker = Callable[[Scope, str], events_pb2.Event]


def maker(section: m.Section, mapping: m.Mapping) -> Maker:
    """Returns the function that makes an event of a scope and the document's number."""
    if isinstance(section, m.Order):
        return _order(section, mapping)
    if isinstance(section, m.Shipment | m.RedemptionShipment | m.RedemptionReturn):
        return _goods(section, mapping.time)
    if isinstance(section, m.Return):
        return _return(section, mapping)
    if isinstance(section, m.MemberDocument):
        return _member(section, mapping.time)
    if isinstance(section, m.Product):
        return _product(section, mapping)
    if isinstance(section, m.Activity):
        return _activity(section, mapping.time)
    if isinstance(section, m.Stock):
        return _stock(section, mapping)
    raise AssertionError("an ignored document makes no event")


def version_reader(
    said: f.NumberVersion | f.TimeVersion | None, table: f.TimeTable
) -> Callable[[Scope], int]:
    """Returns a function that reads a version; 0 for a source that has none."""
    if said is None:
        return lambda _: 0
    if isinstance(said, f.TimeVersion):
        at = instant_reader(said, table)

        def of_time(scope: Scope) -> int:
            return _positive((at(scope) - _EPOCH) // timedelta(milliseconds=1), said.time)

        return of_time
    text, path = reader(said.number, required=True), said.number

    def of_number(scope: Scope) -> int:
        number = number_of(text(scope), path)
        if number != int(number):
            raise ValueRefused(f"{path} is {number}, a whole number was expected")
        return _positive(int(number), path)

    return of_number


def _positive(version: int, path: str) -> int:
    if not 1 <= version <= VERSION_MAX:
        raise ValueRefused(f"{path} gives version {version}, 1 or more was expected")
    return version


def _order(section: m.Order, mapping: m.Mapping) -> Maker:
    money = _money(mapping)
    status = state_reader(section.status, ORDER_STATES)
    ordered_at = instant_reader(section.ordered_at, mapping.time)
    changed_at = instant_reader(section.changed_at, mapping.time) if section.changed_at else None
    currency, rate = currency_reader(money), rate_reader(money)
    member = _member_ref(section.member)
    store, channel, hold = map(reader, (section.store, section.channel, section.hold_id))
    points_paid = minor_reader(section.points_paid, money) if section.points_paid else None
    is_redemption = test_of(section.redemption)
    lines = order_lines(section.line, money)

    def make(scope: Scope, number: str) -> events_pb2.Event:
        code = currency(scope)
        order = events_pb2.Order(
            id=number,
            status=status(scope),
            ordered_at=instant(ordered_at(scope)),
            member=member(scope),
            store=store(scope),
            channel=channel(scope),
            currency_code=code,
            rate_to_book=rate(scope),
            lines=lines(scope, code),
            points_paid_minor=points_paid(scope, code) if points_paid else 0,
            is_redemption=is_redemption(scope),
            hold_id=hold(scope),
            changed_at=instant(changed_at(scope)) if changed_at else None,
        )
        return events_pb2.Event(order=order)

    return make


def _goods(
    section: m.Shipment | m.RedemptionShipment | m.RedemptionReturn, table: f.TimeTable
) -> Maker:
    status = state_reader(section.status, DOCUMENT_STATES)
    lines = shipment_lines(section.line)
    if isinstance(section, m.RedemptionReturn):
        returned_at = instant_reader(section.returned_at, table)
        redemption, is_damaged = _redemption(section.redemption_id), test_of(section.damaged)

        def back(scope: Scope, number: str) -> events_pb2.Event:
            document = events_pb2.RedemptionReturn(
                id=number,
                status=status(scope),
                returned_at=instant(returned_at(scope)),
                redemption_id=redemption(scope),
                lines=lines(scope),
                is_damaged=is_damaged(scope),
            )
            return events_pb2.Event(redemption_return=document)

        return back
    shipped_at = instant_reader(section.shipped_at, table)
    if isinstance(section, m.RedemptionShipment):
        redemption = _redemption(section.redemption_id)

        def gift(scope: Scope, number: str) -> events_pb2.Event:
            document = events_pb2.RedemptionShipment(
                id=number,
                status=status(scope),
                shipped_at=instant(shipped_at(scope)),
                redemption_id=redemption(scope),
                lines=lines(scope),
            )
            return events_pb2.Event(redemption_shipment=document)

        return gift
    order_id = reader(section.order_id, required=True)

    def shipment(scope: Scope, number: str) -> events_pb2.Event:
        document = events_pb2.Shipment(
            id=number,
            status=status(scope),
            shipped_at=instant(shipped_at(scope)),
            order_id=ascii_id(order_id(scope)),
            lines=lines(scope),
        )
        return events_pb2.Event(shipment=document)

    return shipment


def _return(section: m.Return, mapping: m.Mapping) -> Maker:
    status = state_reader(section.status, DOCUMENT_STATES)
    returned_at = instant_reader(section.returned_at, mapping.time)
    order_id = reader(section.order_id)
    lines = return_lines(section.line, mapping.money)
    has_amounts = mapping.money is not None and section.line.amount is not None
    currency = currency_reader(mapping.money) if has_amounts and mapping.money else None

    def make(scope: Scope, number: str) -> events_pb2.Event:
        event, order = events_pb2.Event(), order_id(scope)
        document = events_pb2.Return(
            id=number,
            status=status(scope),
            returned_at=instant(returned_at(scope)),
            order_id=ascii_id(order) if order else "",
            lines=lines(scope, currency(scope) if currency else ""),
        )
        getattr(event, "return").CopyFrom(document)  # a keyword cannot be an attribute
        return event

    return make


def _member(section: m.MemberDocument, table: f.TimeTable) -> Maker:
    joined_at = instant_reader(section.joined_at, table)
    phone, name = reader(section.phone), reader(section.display_name)
    birthday, tier = reader(section.birthday), reader(section.tier)
    cards = JsonPath(section.cards) if section.cards is not None else None
    is_inactive = test_of(section.inactive)

    def make(scope: Scope, number: str) -> events_pb2.Event:
        at, level = instant(joined_at(scope)), tier(scope)
        found = [text_of(card, cards.text) for card in cards.all(scope)] if cards else []
        if len(found) > CARDS_MAX:
            raise ValueRefused(f"{section.cards} selects {len(found)} cards, at most {CARDS_MAX}")
        document = events_pb2.Member(
            id=number,
            is_active=not is_inactive(scope),
            joined_at=at,
            phone=e164(phone(scope)),
            cards=[ascii_id(card, CARD_LENGTH_MAX) for card in found if card],
            display_name=name(scope)[:TEXT_LENGTH_MAX],
            birthday=birthday(scope),
            tiers=[events_pb2.TierGrant(tier=level, from_at=at)] if level else [],
        )
        return events_pb2.Event(member=document)

    return make


def _product(section: m.Product, mapping: m.Mapping) -> Maker:
    changed_at = instant_reader(section.changed_at, mapping.time)
    category, description = reader(section.category), reader(section.description)
    cost = currency = None
    if section.unit_cost is not None:
        money = _money(mapping)
        cost, currency = minor_reader(section.unit_cost, money), currency_reader(money)

    def make(scope: Scope, number: str) -> events_pb2.Event:
        document = events_pb2.Product(
            sku=number,
            changed_at=instant(changed_at(scope)),
            category=category(scope),
            description=description(scope)[:TEXT_LENGTH_MAX],
            unit_cost_minor=cost(scope, currency(scope)) if cost and currency else None,
        )
        return events_pb2.Event(product=document)

    return make


def _activity(section: m.Activity, table: f.TimeTable) -> Maker:
    activity = reader(section.activity, required=True)
    happened_at = instant_reader(section.happened_at, table)
    member, referee = _member_ref(section.member), _member_ref(section.referee)
    is_cancelled = test_of(section.cancelled)

    def make(scope: Scope, number: str) -> events_pb2.Event:
        who = member(scope)
        if who is None:
            raise ValueRefused(f"{section.member.path} is missing or empty: nobody did it")
        document = events_pb2.Activity(
            id=number,
            kind=activity(scope),
            happened_at=instant(happened_at(scope)),
            member=who,
            referee=referee(scope),
            is_cancelled=is_cancelled(scope),
        )
        return events_pb2.Event(activity=document)

    return make


def _stock(section: m.Stock, mapping: m.Mapping) -> Maker:
    counted_at = instant_reader(section.counted_at, mapping.time)
    sku, warehouse = reader(section.sku, required=True), reader(section.warehouse, required=True)
    quantity = quantity_reader(section.quantity)
    value = currency = None
    if section.value is not None:
        money = _money(mapping)
        value, currency = minor_reader(section.value, money), currency_reader(money)
    kind = events_pb2.STOCK_KIND_COUNTED if section.counted else events_pb2.STOCK_KIND_RECEIVED

    def make(scope: Scope, number: str) -> events_pb2.Event:
        document = events_pb2.Stock(
            id=number,
            kind=kind,
            counted_at=instant(counted_at(scope)),
            sku=sku(scope),
            warehouse=warehouse(scope),
            quantity=quantity_text(quantity(scope)),
            value_minor=value(scope, currency(scope)) if value and currency else None,
        )
        return events_pb2.Event(stock=document)

    return make


def _member_ref(section: f.Member | None) -> Callable[[Scope], events_pb2.MemberRef | None]:
    if section is None:
        return lambda _: None
    text = reader(section.path)

    def read(scope: Scope) -> events_pb2.MemberRef | None:
        said = text(scope)
        if not said:
            return None
        if section.known_as == "id":
            return events_pb2.MemberRef(id=said)
        if section.known_as == "card":
            return events_pb2.MemberRef(card=ascii_id(said, CARD_LENGTH_MAX))
        if section.known_as == "external_id":
            return events_pb2.MemberRef(external_id=ascii_id(said))
        phone = e164(said)
        if not phone:
            raise ValueRefused(f"{section.path} is no telephone number with its country (+49…)")
        return events_pb2.MemberRef(phone=phone)

    return read


def _redemption(value: f.Value) -> Callable[[Scope], str]:
    text = reader(value, required=True)

    def read(scope: Scope) -> str:
        said = text(scope)
        return redemption_of(said) or said

    return read


def _money(mapping: m.Mapping) -> f.Money:
    assert mapping.money is not None, "the mapping was checked"
    return mapping.money
