"""``make bench-adapters``: every adapter from its source to Pointbook, beside the textbook design, in one run on one machine."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from tests.adapters.bench.measuring import Measured, Wrong, pull, push, textbook
from tests.adapters.bench.sources import SOURCES
from workers.show.output import FOUND_SOMETHING, console, errors, print_json, print_table

DOCUMENTS = 5_000
TEXTBOOK_DOCUMENTS = 500
TRYTON_DOCUMENTS = 600
TRYTON_TEXTBOOK_DOCUMENTS = 60
WEBHOOK, TRYTON = "webhook", "tryton"

Measure = Callable[[int, Path], Measured]


def main(
    documents: Annotated[int, typer.Option(min=10, help="Documents of each source.")] = DOCUMENTS,
    textbook_documents: Annotated[
        int, typer.Option(min=10, help="Documents of each source for the textbook design.")
    ] = TEXTBOOK_DOCUMENTS,
    tryton: Annotated[bool, typer.Option(help="Whether to measure a real Tryton, too.")] = True,
    tryton_documents: Annotated[
        int, typer.Option(min=10, max=2_000, help="Documents in it.")
    ] = TRYTON_DOCUMENTS,
    folder: Annotated[
        Path | None, typer.Option(help="Where spools are kept: on the disk to be measured.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Measures every adapter: documents a second, and the processor time it spends for one."""
    many = dict.fromkeys([*SOURCES, WEBHOOK], (documents, textbook_documents))
    many[TRYTON] = (tryton_documents, min(textbook_documents, TRYTON_TEXTBOOK_DOCUMENTS))
    if not tryton:
        del many[TRYTON]
    said: dict[str, Any] = {}
    wrong: list[str] = []
    for name, (all_of_it, some) in many.items():
        errors.print(f"{name}: {all_of_it:,} documents")
        try:
            said[name] = _measured(name, all_of_it, some, folder)
        except Wrong as error:
            wrong.append(f"{name}: {error}")
    answer = {"sources": said, "wrong": wrong, "machine": _machine()}
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if wrong:
        raise typer.Exit(FOUND_SOMETHING)


def _measured(name: str, documents: int, some: int, folder: Path | None) -> dict[str, Any]:
    if name == WEBHOOK:
        return _figures(_within(folder, push, documents))
    source = SOURCES[name]
    whole = _within(folder, partial(pull, source), documents)
    simple = _within(folder, partial(textbook, source), some)
    return _figures(whole) | {
        "textbook": _figures(simple),
        "ratio": round(whole.per_s / simple.per_s, 1),
        "ratio_processor": round(simple.adapter_us / whole.adapter_us, 1),
    }


def _within(folder: Path | None, measure: Measure, documents: int) -> Measured:
    """Measures with a spool in a new folder, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pointbook-bench-", dir=folder) as made:
        return measure(documents, Path(made))


def _figures(measured: Measured) -> dict[str, Any]:
    def us(seconds: float | None) -> int | None:
        return None if seconds is None else round(1e6 * seconds / measured.documents)

    return {
        "documents": measured.documents,
        "seconds": round(measured.seconds, 3),
        "documents_per_s": round(measured.per_s),
        "adapter_us": round(measured.adapter_us),
        "source_us": us(measured.source_seconds),
        "intake_us": us(measured.intake_seconds),
        "adapter_share": round(measured.share, 3),
    }


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _show(answer: dict[str, Any]) -> None:
    sources = answer["sources"]
    print_table(
        "Adapters, from the source to Pointbook",
        ("", "documents", "s", "a second", "adapter", "source", "intake", "share"),
        [
            (
                name,
                each["documents"],
                each["seconds"],
                each["documents_per_s"],
                each["adapter_us"],
                "" if each["source_us"] is None else each["source_us"],
                each["intake_us"],
                f"{each['adapter_share']:.1%}",
            )
            for name, each in sources.items()
        ],
        numbers=range(1, 8),
    )
    print_table(
        "Beside the textbook design",
        ("", "a second", "textbook", "ratio", "adapter", "textbook", "ratio"),
        [
            (
                name,
                each["documents_per_s"],
                each["textbook"]["documents_per_s"],
                each["ratio"],
                each["adapter_us"],
                each["textbook"]["adapter_us"],
                each["ratio_processor"],
            )
            for name, each in sources.items()
            if "textbook" in each
        ],
        numbers=range(1, 7),
    )
    console.print("adapter, source, intake: processor time for one document, in microseconds")
    console.print(f"load average {answer['machine']['load_average'][0]}")
    for line in answer["wrong"]:
        errors.print(line, style="red", markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
