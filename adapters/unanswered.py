"""Orders that were sent to an ERP that did not answer: looked for a while, and only then sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from adapters.contract import Unsettled


class Unanswered:
    """What is not known to be done, by redemption. It is forgotten with the process.

    Args:
        settle_seconds: How long the ERP may still be at it.
        clock: Says what time it is.
    """

    def __init__(self, settle_seconds: float, clock: Callable[[], datetime]) -> None:
        self._settle = timedelta(seconds=settle_seconds)
        self._clock = clock
        self._sent_at: dict[str, datetime] = {}

    def note(self, redemption_id: str) -> None:
        """Remembers that an order was sent now, and no answer came."""
        self._sent_at[redemption_id] = self._clock()

    def forget(self, redemption_id: str) -> None:
        """Forgets it: the order was found."""
        self._sent_at.pop(redemption_id, None)

    def expect_settled(self, redemption_id: str) -> None:
        """Returns when the order may be sent.

        Raises:
            Unsettled: The ERP may still be at it.
        """
        sent_at = self._sent_at.get(redemption_id)
        if sent_at is None:
            return
        until = sent_at + self._settle
        if self._clock() < until:
            raise Unsettled(
                f"the order of redemption {redemption_id} was sent and not answered; it is looked for "
                f"until {until:%H:%M:%S} UTC before it is sent again"
            )
        del self._sent_at[redemption_id]
