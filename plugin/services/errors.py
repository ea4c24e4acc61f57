"""One table of errors: each kind of ours to one gRPC status, with ``google.rpc.ErrorInfo``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import psycopg
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from sqlalchemy.exc import DBAPIError

from plugin.errors import Conflict, Corrupt, PointbookError, Rejected, Unavailable

logger = logging.getLogger(__name__)

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
    "DATABASE_REFUSED": code_pb2.INTERNAL,
    "MONTH_CLOSED": code_pb2.FAILED_PRECONDITION,
    "MONTH_NOT_CLOSABLE": code_pb2.FAILED_PRECONDITION,
    "REDEMPTION_NOT_FOUND": code_pb2.NOT_FOUND,
    "REWARD_UNKNOWN": code_pb2.NOT_FOUND,
    "COUPON_NOT_FOUND": code_pb2.NOT_FOUND,
    **dict.fromkeys(
        (
            "APPROVER_IS_REQUESTER",
            "APPROVER_NOT_ALLOWED",
        ),
        code_pb2.PERMISSION_DENIED,
    ),
    **dict.fromkeys(
        (
            "CAPTURE_TOO_LARGE",
            "COUPON_EXPIRED",
            "COUPON_KEY_MISSING",
            "COUPON_NOT_ISSUED",
            "COUPON_NOT_REDEEMED",
            "COUPON_ORDER_DIFFERS",
            "COUPON_REDEEMED",
            "COUPON_REVOKED",
            "DRAW_NOT_OPEN",
            "HOLD_CLOSED",
            "HOLD_EXPIRED",
            "MEMBER_CLOSED",
            "NOT_A_HOLD",
            "OFFSET_NOT_OFFERED",
            "POINTS_INSUFFICIENT",
            "POINTS_TOO_MANY",
            "PROGRAM_MISSING",
            "REDEMPTION_CLOSED",
            "REDEMPTION_NOT_APPROVED",
            "REDEMPTION_NOT_GOODS",
            "REDEMPTION_NOT_ORDERED",
            "REDEMPTION_NOT_WAITING",
            "REWARD_MEMBER_LIMIT",
            "REWARD_NOT_FOR_TIER",
            "REWARD_NOT_NOW",
            "REWARD_TOTAL_LIMIT",
            "STOCK_INSUFFICIENT",
        ),
        code_pb2.FAILED_PRECONDITION,
    ),
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


def of_database(error: DBAPIError | psycopg.Error) -> PointbookError:
    """Returns what a caller is told about a database error; the details are for the log, not for the wire."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    kind = type(cause).__name__
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return Unavailable(
            "DATABASE_UNAVAILABLE", f"the database cannot be reached now ({kind}); try again"
        )
    logger.error("the database refused a statement", exc_info=error)
    return PointbookError(
        "DATABASE_REFUSED",
        f"the database refused a statement ({kind}); the operator's log says why",
    )


class ErrorInterceptor(grpc.ServerInterceptor):
    """Answers every call that raises one of our errors, or a database error, with its status. Servicers just raise."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wraps the handlers of calls that we have: one answer, or a stream both ways."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _answering(handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                _streaming(handler.stream_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return handler


def _answering(
    method: Callable[[Any, grpc.ServicerContext], Any],
) -> Callable[[Any, grpc.ServicerContext], Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request, context)
        except (PointbookError, DBAPIError, psycopg.Error) as error:
            _abort(context, error)
        except NotImplementedError:
            # The generated base raises it after setting UNIMPLEMENTED; no news for the log.
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED, "this release does not implement the method"
            )

    return call


def _streaming(
    method: Callable[[Any, grpc.ServicerContext], Iterator[Any]],
) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
    def call(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from method(requests, context)
        except (PointbookError, DBAPIError, psycopg.Error) as error:
            _abort(context, error)

    return call


def _abort(
    context: grpc.ServicerContext, error: PointbookError | DBAPIError | psycopg.Error
) -> None:
    ours = error if isinstance(error, PointbookError) else of_database(error)
    context.abort_with_status(rpc_status.to_status(to_status(ours)))
