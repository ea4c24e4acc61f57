"""One table of errors: each kind of ours to one gRPC status, with ``google.rpc.ErrorInfo``."""

from __future__ import annotations

from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from sqlalchemy.exc import DBAPIError

from plugin.errors import Conflict, Corrupt, PointbookError, Rejected, Unavailable

DOMAIN = "pointbook"

_CODES: dict[type[PointbookError], int] = {
    Rejected: code_pb2.INVALID_ARGUMENT,
    Conflict: code_pb2.ALREADY_EXISTS,
    Unavailable: code_pb2.UNAVAILABLE,
    Corrupt: code_pb2.DATA_LOSS,
}

_CODES_BY_REASON: dict[str, int] = {
    "BATCH_TOO_LARGE": code_pb2.RESOURCE_EXHAUSTED,
    "TOO_MANY_WAITING": code_pb2.RESOURCE_EXHAUSTED,
    "DEADLINE_EXCEEDED": code_pb2.DEADLINE_EXCEEDED,
    "EVENT_NOT_FOUND": code_pb2.NOT_FOUND,
    "MEMBER_NOT_FOUND": code_pb2.NOT_FOUND,
    "PARKED_NOT_FOUND": code_pb2.NOT_FOUND,
    "BOOK_UNKNOWN": code_pb2.NOT_FOUND,
    "UNAUTHENTICATED": code_pb2.UNAUTHENTICATED,
    "PERMISSION_DENIED": code_pb2.PERMISSION_DENIED,
    "MONTH_CLOSED": code_pb2.FAILED_PRECONDITION,
    "MONTH_NOT_CLOSABLE": code_pb2.FAILED_PRECONDITION,
}


def to_status(error: PointbookError) -> status_pb2.Status:
    """Returns the gRPC status of one of our errors, with reason and, where known, the field."""
    code = _CODES_BY_REASON.get(error.reason) or _CODES.get(type(error))
    if code is None:
        code = next((c for kind, c in _CODES.items() if isinstance(error, kind)), code_pb2.INTERNAL)
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    details = [info]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.message
        )
        fields = any_pb2.Any()
        fields.Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        details.append(fields)
    return status_pb2.Status(code=code, message=error.message, details=details)


def abort(context: grpc.ServicerContext, error: PointbookError) -> NoReturn:
    """Ends a call with the status of one of our errors."""
    context.abort_with_status(rpc_status.to_status(to_status(error)))
    raise AssertionError("abort_with_status raises")


def database_away(error: DBAPIError) -> Unavailable:
    """Returns what a caller is told when PostgreSQL is away; the cause is for the log, not for the wire."""
    kind = type(error.orig).__name__ if error.orig is not None else type(error).__name__
    return Unavailable("DATABASE_UNAVAILABLE", f"the database cannot be reached now ({kind}); try again")
