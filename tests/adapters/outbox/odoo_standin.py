"""As much of Odoo's module API as the example addon uses, and nothing else, on a real PostgreSQL.

Odoo itself is not on PyPI. This is a stand-in: it has Odoo's rules where they matter here (classes come
from ``odoo.addons``, extensions chain by ``_inherit``, writes are held back until they are flushed, the
environment's cursor is the transaction) and refuses any field that a test did not set.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

import adapters.examples

ADDON = Path(adapters.examples.__file__).parent / "odoo_pointbook"
NAME = "odoo.addons.odoo_pointbook"
EXTENSIONS: dict[str, list[type]] = {}


class MetaModel(type):
    """Registers what extends a model."""

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
        super().__init__(name, bases, body)
        if inherited := body.get("_inherit"):
            assert cls.__module__.startswith("odoo.addons."), f"invalid import of {cls.__module__}"
            EXTENSIONS.setdefault(inherited, []).append(cls)


class Model(metaclass=MetaModel):
    """A set of records; one of them has fields."""

    def __init__(self, env: Environment, rows: Sequence[dict[str, Any]]) -> None:
        self.env = env
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        return (type(self)(self.env, [row]) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getattr__(self, name: str) -> Any:
        (row,) = self.rows  # Odoo's "expected singleton"
        if name not in row:
            raise AttributeError(f"this stand-in has no field {name}")
        return row[name]

    def init(self) -> None:
        """Called when a module is installed or updated."""

    def write(self, vals: Mapping[str, Any]) -> bool:
        for row in self.rows:
            row.update(vals)
            self.env.pending.append(row)
        return True


class Environment:
    """One transaction: a cursor, and what is not written yet."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.cr = connection.cursor()
        self.pending: list[dict[str, Any]] = []

    def flush_all(self) -> None:
        for row in self.pending:
            if "state" in row:
                self.cr.execute(
                    "INSERT INTO erp_record (name, state) VALUES (%s, %s) "
                    "ON CONFLICT (name) DO UPDATE SET state = excluded.state",
                    (row["name"], row["state"]),
                )
        self.pending.clear()

    def commit(self) -> None:
        self.flush_all()
        self.connection.commit()

    def records(self, model: str, *rows: dict[str, Any]) -> Any:
        bases = (*reversed(EXTENSIONS.get(model, [])), BASE[model])
        return type(model, bases, {})(self, list(rows))


class SaleOrder(Model):
    """What the addon builds on."""

    def action_confirm(self) -> bool:
        return self.write({"state": "sale"})

    def _action_cancel(self) -> bool:
        return self.write({"state": "cancel"})

    def action_draft(self) -> bool:
        return self.write({"state": "draft"})

    def action_lock(self) -> bool:
        return self.write({"locked": True})

    def action_unlock(self) -> bool:
        return self.write({"locked": False})


class SaleOrderLine(Model):
    """What the addon builds on."""

    def create(self, vals_list: list[dict[str, Any]]) -> Any:
        for row in vals_list:
            row["order_id"].rows[0]["order_line"].append(type(self)(self.env, [row]))
        return type(self)(self.env, vals_list)


class StockPicking(Model):
    """What the addon builds on."""

    def _action_done(self) -> bool:
        return self.write({"state": "done"})


BASE: dict[str, type] = {
    "sale.order": SaleOrder,
    "sale.order.line": SaleOrderLine,
    "stock.picking": StockPicking,
}


def _module(name: str, **names: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__path__ = []
    vars(module).update(names)
    return module


def load_addon() -> dict[str, types.ModuleType]:
    """Imports the addon as Odoo does, and returns the modules that have to be in ``sys.modules`` meanwhile."""
    api = _module("odoo.api", model_create_multi=lambda method: method)
    models = _module("odoo.models", Model=Model)
    modules = {
        "odoo": _module("odoo", api=api, models=models),
        "odoo.api": api,
        "odoo.models": models,
        "odoo.addons": _module("odoo.addons"),
    }
    sys.modules.update(modules)
    spec = importlib.util.spec_from_file_location(
        NAME, ADDON / "__init__.py", submodule_search_locations=[str(ADDON)]
    )
    assert spec is not None
    assert spec.loader is not None
    addon = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = addon
    spec.loader.exec_module(addon)
    return {name: each for name, each in sys.modules.items() if name.split(".")[0] == "odoo"}
