import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pointbook.v1 import intake_pb2 as _intake_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListEntriesRequest(_message.Message):
    __slots__ = ("book", "to", "member_id", "page_size", "page_token")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    book: str
    to: str
    member_id: int
    page_size: int
    page_token: str
    def __init__(self, book: _Optional[str] = ..., to: _Optional[str] = ..., member_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class ListEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[_intake_pb2.Entry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[_intake_pb2.Entry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetTrialBalanceRequest(_message.Message):
    __slots__ = ("book", "as_of")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    book: str
    as_of: str
    def __init__(self, book: _Optional[str] = ..., as_of: _Optional[str] = ...) -> None: ...

class GetTrialBalanceResponse(_message.Message):
    __slots__ = ("book", "as_of", "balances")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    BALANCES_FIELD_NUMBER: _ClassVar[int]
    book: str
    as_of: str
    balances: _containers.RepeatedCompositeFieldContainer[_intake_pb2.Posting]
    def __init__(self, book: _Optional[str] = ..., as_of: _Optional[str] = ..., balances: _Optional[_Iterable[_Union[_intake_pb2.Posting, _Mapping]]] = ...) -> None: ...

class GetRollforwardRequest(_message.Message):
    __slots__ = ("book", "to", "store", "program_version")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_VERSION_FIELD_NUMBER: _ClassVar[int]
    book: str
    to: str
    store: str
    program_version: int
    def __init__(self, book: _Optional[str] = ..., to: _Optional[str] = ..., store: _Optional[str] = ..., program_version: _Optional[int] = ..., **kwargs) -> None: ...

class GetRollforwardResponse(_message.Message):
    __slots__ = ("book", "to", "points", "money", "closes")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    CLOSES_FIELD_NUMBER: _ClassVar[int]
    book: str
    to: str
    points: RollforwardPoints
    money: RollforwardMoney
    closes: bool
    def __init__(self, book: _Optional[str] = ..., to: _Optional[str] = ..., points: _Optional[_Union[RollforwardPoints, _Mapping]] = ..., money: _Optional[_Union[RollforwardMoney, _Mapping]] = ..., closes: _Optional[bool] = ..., **kwargs) -> None: ...

class RollforwardPoints(_message.Message):
    __slots__ = ("opening", "accrued", "clawed_back", "redeemed", "redemption_returned", "expired", "adjusted", "transferred", "closing", "debt")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_FIELD_NUMBER: _ClassVar[int]
    CLAWED_BACK_FIELD_NUMBER: _ClassVar[int]
    REDEEMED_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_RETURNED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_FIELD_NUMBER: _ClassVar[int]
    TRANSFERRED_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    DEBT_FIELD_NUMBER: _ClassVar[int]
    opening: int
    accrued: int
    clawed_back: int
    redeemed: int
    redemption_returned: int
    expired: int
    adjusted: int
    transferred: int
    closing: int
    debt: int
    def __init__(self, opening: _Optional[int] = ..., accrued: _Optional[int] = ..., clawed_back: _Optional[int] = ..., redeemed: _Optional[int] = ..., redemption_returned: _Optional[int] = ..., expired: _Optional[int] = ..., adjusted: _Optional[int] = ..., transferred: _Optional[int] = ..., closing: _Optional[int] = ..., debt: _Optional[int] = ...) -> None: ...

class RollforwardMoney(_message.Message):
    __slots__ = ("opening", "accrued", "clawed_back", "redeemed", "redemption_returned", "expired", "adjusted", "transferred", "re_estimated", "closing")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_FIELD_NUMBER: _ClassVar[int]
    CLAWED_BACK_FIELD_NUMBER: _ClassVar[int]
    REDEEMED_FIELD_NUMBER: _ClassVar[int]
    REDEMPTION_RETURNED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_FIELD_NUMBER: _ClassVar[int]
    TRANSFERRED_FIELD_NUMBER: _ClassVar[int]
    RE_ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    opening: str
    accrued: str
    clawed_back: str
    redeemed: str
    redemption_returned: str
    expired: str
    adjusted: str
    transferred: str
    re_estimated: str
    closing: str
    def __init__(self, opening: _Optional[str] = ..., accrued: _Optional[str] = ..., clawed_back: _Optional[str] = ..., redeemed: _Optional[str] = ..., redemption_returned: _Optional[str] = ..., expired: _Optional[str] = ..., adjusted: _Optional[str] = ..., transferred: _Optional[str] = ..., re_estimated: _Optional[str] = ..., closing: _Optional[str] = ...) -> None: ...

class ReconcileRequest(_message.Message):
    __slots__ = ("book", "checks")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    book: str
    checks: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, book: _Optional[str] = ..., checks: _Optional[_Iterable[int]] = ...) -> None: ...

class ReconcileResponse(_message.Message):
    __slots__ = ("run_id", "checks", "holds", "run_at")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    RUN_AT_FIELD_NUMBER: _ClassVar[int]
    run_id: int
    checks: _containers.RepeatedCompositeFieldContainer[ReconciliationCheck]
    holds: bool
    run_at: _timestamp_pb2.Timestamp
    def __init__(self, run_id: _Optional[int] = ..., checks: _Optional[_Iterable[_Union[ReconciliationCheck, _Mapping]]] = ..., holds: _Optional[bool] = ..., run_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReconciliationCheck(_message.Message):
    __slots__ = ("number", "name", "holds", "breaks")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    BREAKS_FIELD_NUMBER: _ClassVar[int]
    number: int
    name: str
    holds: bool
    breaks: _containers.RepeatedCompositeFieldContainer[ReconciliationBreak]
    def __init__(self, number: _Optional[int] = ..., name: _Optional[str] = ..., holds: _Optional[bool] = ..., breaks: _Optional[_Iterable[_Union[ReconciliationBreak, _Mapping]]] = ...) -> None: ...

class ReconciliationBreak(_message.Message):
    __slots__ = ("amount", "reason", "age_seconds")
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    amount: str
    reason: str
    age_seconds: int
    def __init__(self, amount: _Optional[str] = ..., reason: _Optional[str] = ..., age_seconds: _Optional[int] = ...) -> None: ...

class ClosePeriodRequest(_message.Message):
    __slots__ = ("book", "month", "actor")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    book: str
    month: str
    actor: str
    def __init__(self, book: _Optional[str] = ..., month: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class ClosePeriodResponse(_message.Message):
    __slots__ = ("month",)
    MONTH_FIELD_NUMBER: _ClassVar[int]
    month: str
    def __init__(self, month: _Optional[str] = ...) -> None: ...

class ReopenPeriodRequest(_message.Message):
    __slots__ = ("book", "month", "actor", "reason")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    book: str
    month: str
    actor: str
    reason: str
    def __init__(self, book: _Optional[str] = ..., month: _Optional[str] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReopenPeriodResponse(_message.Message):
    __slots__ = ("month",)
    MONTH_FIELD_NUMBER: _ClassVar[int]
    month: str
    def __init__(self, month: _Optional[str] = ...) -> None: ...

class ExportVouchersRequest(_message.Message):
    __slots__ = ("book", "to")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    book: str
    to: str
    def __init__(self, book: _Optional[str] = ..., to: _Optional[str] = ..., **kwargs) -> None: ...

class ExportVouchersResponse(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...
