"""The ERPs there are adapters for: one line each; see docs/adding-an-erp.md."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from adapters.contract import AdapterError, Erp
from adapters.settings import AdapterFile, Running

Opener = Callable[[dict[str, Any], Running], Erp]

ADAPTERS = {
    "erpnext": "adapters.erpnext.adapter:open_erp",
    "odoo": "adapters.odoo.adapter:open_erp",
    "rest": "adapters.rest.adapter:open_erp",
    "tryton": "adapters.tryton.adapter:open_erp",
}


def open_erp(file: AdapterFile) -> Erp:
    """Returns the adapter a settings file names, set up as its table ``[erp]`` says.

    Raises:
        AdapterError: There is no such adapter, or a setting breaks a rule.
    """
    where = ADAPTERS.get(file.adapter)
    if where is None:
        raise AdapterError(f"adapter '{file.adapter}' is not one of {', '.join(ADAPTERS)}")
    module, name = where.split(":")
    opener: Opener = getattr(import_module(module), name)
    return opener(file.erp, file.run)
