"""Amounts of JSON documents: net and tax in minor units, from what the document writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation

from adapters.contract import AdapterError
from adapters.json_mapping import forms as f
from adapters.json_mapping.paths import Scope
from adapters.json_mapping.values import ValueRefused, number_of, number_reader, place, reader
from adapters.wire_values import exponent, minor, quantity_text

RATE_DECIMALS_MAX = 10
_HUNDRED = Decimal(100)
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])

Minor = Callable[[Scope, str], int]


@dataclass(frozen=True, slots=True)
class Amounts:
    """Net and tax of a line, in minor units; ``tax`` is None when the document does not tell it."""

    net: int
    tax: int | None


def currency_reader(money: f.Money) -> Callable[[Scope], str]:
    """Returns a function that reads the currency and checks that it is one (ISO 4217)."""
    text = reader(money.currency, required=True)

    def read(scope: Scope) -> str:
        code = text(scope)
        try:
            exponent(code)
        except AdapterError as error:
            raise ValueRefused(f"{place(money.currency)}: {error}") from None
        return code

    return read


def rate_reader(money: f.Money) -> Callable[[Scope], str]:
    """Returns a function that reads the rate to the book's currency; empty when there is none."""
    if money.rate_to_book is None:
        return lambda _: ""
    text, name = reader(money.rate_to_book), place(money.rate_to_book)

    def read(scope: Scope) -> str:
        said = text(scope)
        if not said:
            return ""
        rate = number_of(said, name)
        if rate <= 0 or rate != round(rate, RATE_DECIMALS_MAX):
            raise ValueRefused(
                f"{name} is {said}, a rate above 0 with at most {RATE_DECIMALS_MAX} decimals was expected"
            )
        return format(rate.normalize(), "f")

    return read


def minor_reader(amount: f.Value | f.Price, money: f.Money) -> Minor:
    """Returns a function that reads an amount in minor units of a currency, rounded half away from zero.

    In major units 12.345 EUR is 1235; in minor units 1235 is 1235, and 12.5 is an error: half a cent is no amount.
    """
    if isinstance(amount, f.Price):
        quantity, price = number_reader(amount.quantity), number_reader(amount.price)
        if money.unit == "minor":
            return lambda scope, _: _whole_half_up(_EXACT.multiply(quantity(scope), price(scope)))
        return lambda scope, currency: minor(
            _EXACT.multiply(quantity(scope), price(scope)), currency
        )
    number, name = number_reader(amount), place(amount)
    if money.unit == "major":
        return lambda scope, currency: minor(number(scope), currency)

    def read(scope: Scope, currency: str) -> int:
        value = number(scope)
        if value != int(value):
            raise ValueRefused(f"{name} is {value}, a whole number of minor units was expected")
        return int(value)

    return read


def amounts_reader(
    amount: f.Value | f.Price, tax: f.TaxAmount | f.TaxRate | None, money: f.Money
) -> Callable[[Scope, str], Amounts]:
    """Returns a function that reads net and tax of a line.

    With ``amounts = "gross"`` 119.00 at 19 % is 100.00 and 19.00, and 119.00 with 18.99 of tax is 100.01 and 18.99.
    """
    said = minor_reader(amount, money)
    is_gross = money.amounts == "gross"
    if tax is None:
        return lambda scope, currency: Amounts(said(scope, currency), None)
    if isinstance(tax, f.TaxAmount):
        stated = minor_reader(tax.amount, money)

        def with_amount(scope: Scope, currency: str) -> Amounts:
            part = stated(scope, currency)
            return Amounts(said(scope, currency) - (part if is_gross else 0), part)

        return with_amount
    percent, name = number_reader(tax.percent), place(tax.percent)

    def with_rate(scope: Scope, currency: str) -> Amounts:
        rate = percent(scope)
        if not 0 <= rate < _HUNDRED:
            raise ValueRefused(f"{name} is {rate}, a tax rate from 0 to 99.99 % was expected")
        total = said(scope, currency)
        if is_gross:
            part = included_tax(total, rate)
            return Amounts(total - part, part)
        return Amounts(total, _whole_half_up(total * rate / _HUNDRED))

    return with_rate


def included_tax(gross: int, percent: Decimal) -> int:
    """Returns the tax inside a gross amount, half away from zero: 11900 at 19 % holds 1900."""
    return _whole_half_up(gross * percent / (_HUNDRED + percent))


def quantity_reader(value: f.Value) -> Callable[[Scope], Decimal]:
    """Returns a function that reads a quantity, which the wire takes with at most 6 decimals."""
    number, name = number_reader(value), place(value)

    def read(scope: Scope) -> Decimal:
        quantity = number(scope)
        if Decimal(quantity_text(quantity)) != quantity:
            raise ValueRefused(f"{name} is {quantity}, at most 6 decimals are taken")
        return quantity

    return read


def _whole_half_up(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_HALF_UP))
