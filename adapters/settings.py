"""The file that sets up an adapter of a live system: what it reads, where it sends, how it runs."""

from __future__ import annotations

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.client import EVENTS_PER_BATCH, EVENTS_PER_BATCH_MAX, Target
from adapters.contract import AdapterError

Model = TypeVar("Model", bound=BaseModel)
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseModel):
    """What all parts of the file have in common: unknown names are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Pointbook(Settings):
    """Table ``[pointbook]``: where documents go.

    Attributes:
        address: Host and port of the gRPC server.
        book: Book code; empty for the only one.
        api_key_env: Variable that holds the API key; empty for none.
        tls: Whether to speak TLS; implied by the files below.
        tls_ca: PEM certificates to trust.
        tls_certificate: PEM certificate of ours.
        tls_key: PEM key of that certificate.
        batch: Events per call.
    """

    address: str = "127.0.0.1:50051"
    book: str = ""
    api_key_env: str = ""
    tls: bool = False
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    batch: Annotated[int, Field(ge=1, le=EVENTS_PER_BATCH_MAX)] = EVENTS_PER_BATCH

    def target(self) -> Target:
        """Returns where to connect, with what the files and the variable hold.

        Raises:
            AdapterError: The variable is empty.
            OSError: A file cannot be read.
        """
        files = (self.tls_ca, self.tls_certificate, self.tls_key)
        pem = [file.read_bytes() if file else b"" for file in files]
        key = secret(self.api_key_env, "API key") if self.api_key_env else ""
        return Target(self.address, key, self.tls or any(pem), *pem)


class Running(Settings):
    """Table ``[run]``: how often and how carefully.

    Attributes:
        interval_seconds: Wait between two looks at the source.
        overlap_seconds: How far before the latest stamp each look begins: longer than the source's
            longest transaction, and than its clocks differ.
        rows_per_page: Rows asked for at once.
        spool: Folder of the spool.
        health_address: Host and port of ``/healthz`` and ``/metrics``; empty for none.
        write_back: Whether redemptions become orders in the source.
        write_back_warehouses: Only those whose goods leave from these warehouses; empty for all. Two ERPs that
            know the same members must not share one: both would make the order.
    """

    interval_seconds: Seconds = 10.0
    overlap_seconds: Seconds = 600.0
    rows_per_page: Annotated[int, Field(ge=1, le=1_000)] = 200
    spool: Path = Path("pointbook-spool")
    health_address: str = ""
    write_back: bool = True
    write_back_warehouses: tuple[str, ...] = ()

    @property
    def overlap(self) -> timedelta:
        """The overlap as a duration."""
        return timedelta(seconds=self.overlap_seconds)


class Hints(Settings):
    """Table ``[hints]``: where the source may say that something changed.

    Attributes:
        listen: Host and port; every path is taken. TLS is for the proxy before it.
        scheme: How deliveries are signed, see ``docs/any-system.md``.
        secret_envs: Variables that hold the secrets: the current one, and the one before while it is changed.
    """

    listen: Annotated[str, Field(pattern=r"^.*:\d+$")]
    scheme: Literal["pointbook", "frappe", "jdy"]
    secret_envs: Annotated[list[str], Field(min_length=1, max_length=5)]


class AdapterFile(Settings):
    """The whole file.

    Attributes:
        adapter: Name in ``adapters.registry``.
        source: Source name in Pointbook, 1 to 64 printable ASCII characters.
        pointbook: Where documents go.
        run: How it runs.
        hints: Where its source may say that something changed; None for nowhere.
        erp: What the adapter itself needs; it says what.
    """

    adapter: str
    source: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    pointbook: Pointbook = Pointbook()
    run: Running = Running()
    hints: Hints | None = None
    erp: dict[str, Any] = {}

    @model_validator(mode="after")
    def _names_an_adapter(self) -> Self:
        if not self.adapter:
            raise ValueError("adapter: name one, for example 'tryton'")
        return self


def load_settings(path: Path) -> AdapterFile:
    """Reads a settings file.

    Raises:
        AdapterError: It cannot be read, or breaks a rule; the message names file, setting and rule.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"settings file {path}: {error}") from error
    return validated(AdapterFile, said, f"settings file {path}")


def validated(model: type[Model], said: object, where: str) -> Model:
    """Returns what was said as a model, or one sentence per broken rule.

    Raises:
        AdapterError: A rule is broken.
    """
    try:
        return model.model_validate(said)
    except ValidationError as error:
        broken = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}"
            for each in error.errors(include_input=False)
        )
        raise AdapterError(f"{where}: {broken}") from error


def secret(variable: str, what: str) -> str:
    """Returns what an environment variable holds.

    Raises:
        AdapterError: It is not set or empty.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise AdapterError(f"the variable {variable} holds no {what}")
    return value
