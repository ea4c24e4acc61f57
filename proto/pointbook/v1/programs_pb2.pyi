import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetProgramRequest(_message.Message):
    __slots__ = ("book", "at")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    book: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, book: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ProgramVersion(_message.Message):
    __slots__ = ("book", "version", "content", "effective_from", "author", "approver")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FROM_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    book: str
    version: int
    content: str
    effective_from: _timestamp_pb2.Timestamp
    author: str
    approver: str
    def __init__(self, book: _Optional[str] = ..., version: _Optional[int] = ..., content: _Optional[str] = ..., effective_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., author: _Optional[str] = ..., approver: _Optional[str] = ...) -> None: ...

class DraftProgramRequest(_message.Message):
    __slots__ = ("content", "actor")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    content: str
    actor: str
    def __init__(self, content: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class ValidateProgramRequest(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: str
    def __init__(self, content: _Optional[str] = ...) -> None: ...

class ValidateProgramResponse(_message.Message):
    __slots__ = ("errors",)
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    errors: _containers.RepeatedCompositeFieldContainer[ProgramError]
    def __init__(self, errors: _Optional[_Iterable[_Union[ProgramError, _Mapping]]] = ...) -> None: ...

class ProgramError(_message.Message):
    __slots__ = ("field", "message", "reason")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    field: str
    message: str
    reason: str
    def __init__(self, field: _Optional[str] = ..., message: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SimulateProgramRequest(_message.Message):
    __slots__ = ("content", "to")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    content: str
    to: str
    def __init__(self, content: _Optional[str] = ..., to: _Optional[str] = ..., **kwargs) -> None: ...

class SimulateProgramResponse(_message.Message):
    __slots__ = ("points_now", "points_then", "orders")
    POINTS_NOW_FIELD_NUMBER: _ClassVar[int]
    POINTS_THEN_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    points_now: int
    points_then: int
    orders: int
    def __init__(self, points_now: _Optional[int] = ..., points_then: _Optional[int] = ..., orders: _Optional[int] = ...) -> None: ...

class ApproveProgramRequest(_message.Message):
    __slots__ = ("book", "actor")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    book: str
    actor: str
    def __init__(self, book: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class ListProgramVersionsRequest(_message.Message):
    __slots__ = ("book",)
    BOOK_FIELD_NUMBER: _ClassVar[int]
    book: str
    def __init__(self, book: _Optional[str] = ...) -> None: ...

class ListProgramVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ProgramVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[ProgramVersion, _Mapping]]] = ...) -> None: ...
