"""Table ``[erp]`` of an adapter for any system with JSON over HTTP. ``docs/any-system.md`` is its reference."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from adapters.json_mapping import forms as f
from adapters.settings import Settings

SINCE, AFTER, ROWS, PAGE, OFFSET = "since", "after", "rows", "page", "offset"
PLACEHOLDERS = frozenset({SINCE, AFTER, ROWS, PAGE, OFFSET})
WRITE_PLACEHOLDERS = frozenset(
    {"redemption_id", "reference", "member", "sku", "quantity", "amount", "warehouse", "store"}
)


def placeholders(text: str) -> set[str]:
    """Returns the names in braces in a text.

    Raises:
        ValueError: Braces are not paired, or hold more than a name.
    """
    found = set()
    for _, name, form, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(f"{text!r}: braces hold a name and nothing else; {{{{ is a brace")
        found.add(name)
    return found


class Bearer(Settings):
    """``authorization: Bearer TOKEN``."""

    scheme: Literal["bearer"]
    token_env: str


class Basic(Settings):
    """HTTP Basic."""

    scheme: Literal["basic"]
    user_env: str
    password_env: str


class Header(Settings):
    """A header of the system's own."""

    scheme: Literal["header"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    value_env: str


class NoAuth(Settings):
    """Nothing, for systems that trust the network."""

    scheme: Literal["none"]


Auth = Annotated[Bearer | Basic | Header | NoAuth, Field(discriminator="scheme")]


class Endpoint(Settings):
    """One list that is read.

    Attributes:
        name: Its name in the cursor; never change it.
        path: Begins with a slash.
        params: Query, with placeholders; a parameter whose placeholder has no value is left out.
        items: The rows in an answer.
        paging: How the next page is asked for.
        key: The row's key, for paging "key".
        stamp: When the row changed; without one everything is read each time.
        since: How ``{since}`` is written.
        next_url: Where the answer names the next page, for paging "next_url".
        short_page_is_last: A page with fewer rows than asked for is the last; false asks until a page is empty.
        ok: What a good answer looks like, for systems whose HTTP status says nothing.
        mapping: Mapping file of this list alone.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
    path: Annotated[str, Field(pattern=r"^/")]
    params: dict[str, str] = Field(default_factory=dict)
    items: f.Path = "$[*]"
    paging: Literal["key", "page", "offset", "next_url", "none"]
    key: f.Path | None = None
    stamp: f.When | None = None
    since: f.Format = f.ISO
    since_zone: f.Zone = "UTC"
    page_first: int = 1
    next_url: f.Path | None = None
    short_page_is_last: bool = False
    ok: f.Condition | None = None
    mapping: Path | None = None

    @field_validator("params")
    @classmethod
    def _known_placeholders(cls, params: dict[str, str]) -> dict[str, str]:
        for name, text in params.items():
            if unknown := placeholders(text) - PLACEHOLDERS:
                raise ValueError(f"{name}: {{{min(unknown)}}} is none of {sorted(PLACEHOLDERS)}")
        return params

    @model_validator(mode="after")
    def _has_what_its_paging_needs(self) -> Self:
        used = set().union(*map(placeholders, self.params.values())) if self.params else set()
        needed = {"key": AFTER, "page": PAGE, "offset": OFFSET}.get(self.paging)
        if needed and needed not in used:
            raise ValueError(f"paging '{self.paging}' needs a parameter with {{{needed}}}")
        if self.paging == "key" and self.key is None:
            raise ValueError("paging 'key' needs key")
        if (self.paging == "next_url") != (self.next_url is not None):
            raise ValueError("paging 'next_url' and next_url go together")
        if self.short_page_is_last and ROWS not in used:
            raise ValueError("short_page_is_last needs a parameter with {rows}")
        if SINCE in used and self.stamp is None:
            raise ValueError("{since} needs stamp, or it would never be known")
        return self


class Call(Settings):
    """A call that writes or looks for an order.

    Attributes:
        method: HTTP method.
        path: Begins with a slash; may hold placeholders.
        params: Query, with placeholders.
        json_template: Body: JSON whose texts hold placeholders; empty for none. A text that is ``{quantity}`` or ``{amount}``
            alone becomes a number.
        order: Where the answer has the order's number.
        ok: What a good answer looks like, for systems whose HTTP status says nothing.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, Field(pattern=r"^/")]
    params: dict[str, str] = Field(default_factory=dict)
    json_template: Annotated[str, Field(alias="json")] = ""
    order: f.Path | None = None
    ok: f.Condition | None = None


class WriteBack(Settings):
    """Orders that carry redemptions.

    Attributes:
        currency: Of ``{amount}``; the book's.
        find: Looks for the order by ``{reference}`` or ``{redemption_id}``; its answer names no order when there is none.
        create: Makes it.
        cancel: Cancels it; ``{order_id}`` is its number.
        settle_seconds: How long an order whose answer was lost is only looked for, before it is made again.
    """

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    find: Call
    create: Call
    cancel: Call | None = None
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 60.0

    @model_validator(mode="after")
    def _names_the_order(self) -> Self:
        for name, call in (("find", self.find), ("create", self.create)):
            if call.order is None:
                raise ValueError(f"{name}: order (where the answer has the number) is missing")
        looked_for = placeholders(self.find.path).union(
            *map(placeholders, self.find.params.values())
        )
        if self.find.method == "GET" and not looked_for & {"reference", "redemption_id"}:
            raise ValueError("find: neither path nor params hold {reference} or {redemption_id}")
        return self


class RestSettings(Settings):
    """Table ``[erp]``.

    Attributes:
        url: What paths are put after.
        auth: How it lets us in.
        headers: Sent with every call.
        mapping: Mapping file for all endpoints that name none.
        endpoints: What is read, in this order: members and products before orders.
        write_back: How redemptions become orders; without it they do not.
        pages_max: Pages of one look at one endpoint.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^/?#]+[^?#]*$")]
    auth: Auth
    headers: dict[str, str] = Field(default_factory=dict)
    mapping: Path | None = None
    endpoints: Annotated[list[Endpoint], Field(min_length=1, max_length=50)]
    write_back: WriteBack | None = None
    pages_max: Annotated[int, Field(ge=1)] = 1_000_000

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = [each.name for each in self.endpoints]
        if len(set(names)) != len(names):
            raise ValueError("two endpoints have the same name")
        for each in self.endpoints:
            if each.mapping is None and self.mapping is None:
                raise ValueError(f"endpoint {each.name} has no mapping")
        return self


Params = dict[str, Any]
