"""Until when points can be used: usable on the expiry date, gone the next day, in the book's time zone."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class Expiry:
    """A program's expiry rule."""

    kind: Literal["never", "months", "month_end", "year_end"]
    months: int = 0

    def expires_on(self, accrued_on: date) -> date | None:
        """Returns the last day on which points accrued on a day can be used, or None for ever.

        >>> Expiry("months", 1).expires_on(date(2026, 1, 31))
        datetime.date(2026, 2, 28)
        >>> Expiry("month_end", 1).expires_on(date(2026, 1, 31))
        datetime.date(2026, 2, 28)
        >>> Expiry("year_end", 12).expires_on(date(2026, 3, 1))
        datetime.date(2027, 12, 31)
        """
        if self.kind == "never":
            return None
        year, month = divmod(accrued_on.year * 12 + accrued_on.month - 1 + self.months, 12)
        last = monthrange(year, month + 1)[1]
        if self.kind == "months":
            return date(year, month + 1, min(accrued_on.day, last))
        if self.kind == "month_end":
            return date(year, month + 1, last)
        return date(year, 12, 31)
