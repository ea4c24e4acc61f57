"""User-facing text, ready for translation: wrap what people read in ``_``.

Catalogues live in ``workers/locale/<language>/LC_MESSAGES/pointbook.mo``; without one the English text is shown.
"""

from __future__ import annotations

import gettext
from pathlib import Path

_catalogue = gettext.translation("pointbook", Path(__file__).parent / "locale", fallback=True)


def _(message: str) -> str:
    """Returns a message in the user's language."""
    return _catalogue.gettext(message)
