"""The Dramatiq broker: RabbitMQ with publisher confirms and quorum queues, or in-process for embedded mode.

There is no global broker: whoever needs one makes it and passes it on.
"""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, Middleware
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import xq_name
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines, Retries, ShutdownNotifications
from sqlalchemy.exc import DBAPIError

from plugin.errors import Unavailable
from workers.handlers.batches import is_transient
from workers.settings import Settings

RETRY_MILLISECONDS_MIN = 500
RETRY_MILLISECONDS_MAX = 30_000
DEAD_MESSAGE_MILLISECONDS = 7 * 86_400_000


class QuorumRabbitmqBroker(RabbitmqBroker):
    """Declares every queue as a quorum queue: replicated, durable, safe when a node dies.

    Delay queues are quorum queues too: Dramatiq's workers hold delayed messages unacknowledged, so a crash loses none.
    """

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        arguments = super()._build_queue_arguments(queue_name)  # type: ignore[no-untyped-call]
        return {**arguments, "x-queue-type": "quorum"}

    def _declare_xq_queue(self, queue_name: str) -> Any:
        return self.channel.queue_declare(
            queue=xq_name(queue_name),
            durable=True,
            arguments={"x-queue-type": "quorum", "x-message-ttl": DEAD_MESSAGE_MILLISECONDS},
        )


def make_broker(settings: Settings) -> Broker:
    """Returns the broker of this process: RabbitMQ when a URL is set, in-process otherwise."""
    if settings.broker_url is None:
        return StubBroker(middleware=_middleware())
    kind = QuorumRabbitmqBroker if settings.queue_type == "quorum" else RabbitmqBroker
    return kind(
        url=settings.broker_url.get_secret_value(), confirm_delivery=True, middleware=_middleware()
    )


def worth_retrying(retries: int, error: BaseException) -> bool:
    """Tells whether a message is tried again: always when something was away, never when the books or the code are wrong.

    A message that is given up loses nothing: its batch still waits, the relay announces it again, and the operator sees the lag.
    """
    if isinstance(error, Unavailable | ConnectionError):
        return True
    return isinstance(error, Exception) and (
        is_transient(error) or (isinstance(error, DBAPIError) and error.connection_invalidated)
    )


def _middleware() -> list[Middleware]:
    return [
        AgeLimit(),
        ShutdownNotifications(),
        Callbacks(),
        Pipelines(),
        Retries(
            # No limit; `worth_retrying` alone decides. Dramatiq takes None, its annotation does not.
            max_retries=None,  # type: ignore[arg-type]
            min_backoff=RETRY_MILLISECONDS_MIN,
            max_backoff=RETRY_MILLISECONDS_MAX,
            retry_when=worth_retrying,
        ),
    ]
