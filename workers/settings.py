"""Settings: one frozen object from ``POINTBOOK_*`` variables and ``pointbook.toml``; unknown keys are errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from plugin.errors import Rejected

PREFIX = "POINTBOOK_"
_NOT_SETTINGS = ("POINTBOOK_TEST_", "POINTBOOK_VENV", "POINTBOOK_CONFIG")


class Settings(BaseSettings):
    """Everything that can be set. Secrets are kept as such and never written to logs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file="pointbook.toml", extra="forbid", frozen=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL, postgresql://user:password@host/database; embedded when unset",
    )
    broker_url: SecretStr | None = Field(
        default=None, description="RabbitMQ, amqp://user:password@host/vhost; in-process when unset"
    )
    queue_prefix: str = Field(default="pointbook", pattern=r"^[a-z0-9_-]{1,64}$")
    queue_type: Literal["quorum", "classic"] = "quorum"
    data_dir: Path = Path("pointbook-data")
    ledger_dir: Path | None = Field(
        default=None, description="folder of the ledgers; DATA_DIR/books when unset"
    )
    accounts: dict[str, str] = Field(
        default_factory=dict,
        description="account names by role, such as points = 'Liabilities:2241-Points'",
    )

    listen: str = Field(default="127.0.0.1:50051", description="host:port the server listens on")
    server_threads: int = Field(default=64, ge=2, le=512)
    calls_waiting_max: int = Field(default=256, ge=1, le=100_000)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = Field(
        default=None, description="set: clients must show a certificate (mTLS)"
    )
    api_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="client name to API key; empty: no key asked for"
    )
    coupon_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="secret that coupon codes are made with; keep it as long as coupons live",
    )
    stop_seconds_max: float = Field(default=30.0, gt=0)

    lanes: int = Field(default=4, ge=1, le=256, description="never lower it while batches wait")
    work_processes: int = Field(default=2, ge=1, le=64)
    work_threads: int = Field(default=4, ge=1, le=64)
    apply_events_max: int = Field(
        default=2_000, ge=1, le=20_000, description="events in one transaction"
    )
    relay_after_seconds: float = Field(default=5.0, gt=0)
    relay_every_seconds: float = Field(default=2.0, gt=0)
    redemptions_every_seconds: float = Field(
        default=5.0,
        gt=0,
        description="how often redemptions lapse, coupons expire, approvals escalate",
    )
    ledger_every_seconds: float = Field(default=5.0, gt=0)
    expire_at: str = Field(
        default="00:15", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="book's local time"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                "tls_certificate and tls_key belong together; with one alone nothing would be encrypted"
            )
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        for path in (self.tls_certificate, self.tls_key, self.tls_client_ca):
            if path is not None and not path.is_file():
                raise ValueError(f"{path}: there is no such file")
        return self

    @property
    def books_dir(self) -> Path:
        """The folder in which each book's ledger lies."""
        return self.ledger_dir or self.data_dir / "books"

    @property
    def coupon_key_bytes(self) -> bytes | None:
        """The secret for coupon codes; None where none is set."""
        return None if self.coupon_key is None else self.coupon_key.get_secret_value().encode()

    @property
    def queue(self) -> str:
        """Name of the queue that batches are announced on."""
        return f"{self.queue_prefix}.apply"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over variables, variables over the file."""
        file = os.environ.get("POINTBOOK_CONFIG", "pointbook.toml")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(file))


def load_settings(**given: object) -> Settings:
    """Returns the settings of this process.

    Args:
        **given: Values from the command line; None means not given.

    Raises:
        Rejected: A value is not valid, or a key or variable is not known; the message names it.
    """
    unknown = [
        name
        for name in os.environ
        if name.startswith(PREFIX)
        and not name.startswith(_NOT_SETTINGS)
        and name.removeprefix(PREFIX).lower() not in Settings.model_fields
    ]
    if unknown:
        raise Rejected(
            "SETTING_UNKNOWN",
            f"{', '.join(sorted(unknown))}: there is no such setting; see docs/operations.md",
        )
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Rejected("SETTING_INVALID", f"setting {name}: {first['msg']}", field=name) from None
