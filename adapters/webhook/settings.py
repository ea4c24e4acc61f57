"""The file that sets up ``pointbook-adapter webhook``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from adapters.contract import AdapterError
from adapters.json_mapping.mapping import JsonMapping, load_json_mapping
from adapters.settings import Pointbook, Seconds, Settings, secret, validated
from adapters.webhook.signatures import SCHEMES, TIMELESS, Verify

BODY_BYTES_MAX = 1024 * 1024
WINDOW_SECONDS = 300.0


class Hook(Settings):
    """Table ``[hooks.NAME]``: what is taken at ``/hooks/NAME``.

    Attributes:
        scheme: How deliveries are signed.
        secret_envs: Variables that hold the secrets: the current one, and the one before while it is changed.
        window_seconds: How far a delivery's time may be from ours.
        mapping: Mapping file, relative to the settings file; without one a delivery is a hint only.
    """

    scheme: Literal["pointbook", "frappe", "jdy"] = "pointbook"
    secret_envs: Annotated[list[str], Field(min_length=1, max_length=5)]
    window_seconds: Seconds = WINDOW_SECONDS
    mapping: Path | None = None


class WebhookFile(Settings):
    """The whole file.

    Attributes:
        source: Source name in Pointbook.
        pointbook: Where documents go.
        listen: Host and port; TLS is for the proxy before it.
        spool: Folder of the spool, and of what was refused.
        body_bytes_max: Longest body.
        connections_max: Connections at once, idle ones included; more are answered 503.
        health_address: Host and port of ``/healthz`` and ``/metrics``; empty for none.
        hooks: What is taken, by name.
    """

    source: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    pointbook: Pointbook = Pointbook()
    listen: str = "127.0.0.1:8070"
    spool: Path = Path("pointbook-spool")
    body_bytes_max: Annotated[int, Field(ge=1_024, le=64 * 1024 * 1024)] = BODY_BYTES_MAX
    connections_max: Annotated[int, Field(ge=1, le=1_000)] = 100
    health_address: str = ""
    hooks: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")], Hook],
        Field(min_length=1),
    ]


@dataclass(frozen=True, slots=True)
class OpenHook:
    """A hook, ready to take deliveries.

    Attributes:
        verify: Checks a delivery.
        secrets: What it may be signed with.
        window_seconds: See ``Hook``.
        mapping: What a body means; None for a hint.
    """

    verify: Verify
    secrets: tuple[bytes, ...]
    window_seconds: float
    mapping: JsonMapping | None


def load_webhook_file(path: Path) -> WebhookFile:
    """Reads a settings file; its paths are relative to it.

    Raises:
        AdapterError: It cannot be read, or breaks a rule; the message names file, setting and rule.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"settings file {path}: {error}") from error
    file = validated(WebhookFile, said, f"settings file {path}")
    hooks = {
        name: hook.model_copy(update={"mapping": path.parent / hook.mapping})
        for name, hook in file.hooks.items()
        if hook.mapping is not None
    }
    return file.model_copy(
        update={"hooks": {**file.hooks, **hooks}, "spool": path.parent / file.spool}
    )


def open_hooks(hooks: Mapping[str, Hook]) -> dict[str, OpenHook]:
    """Returns the hooks with secrets and mappings.

    Raises:
        AdapterError: A variable holds no secret, a mapping breaks a rule, or a scheme without a time would take
            documents without a version: an old delivery, sent again by anybody, would undo a newer one.
    """
    return {name: _opened(name, hook) for name, hook in hooks.items()}


def _opened(name: str, hook: Hook) -> OpenHook:
    mapping = load_json_mapping(hook.mapping) if hook.mapping is not None else None
    if hook.scheme in TIMELESS and mapping is not None and not mapping.is_versioned:
        raise AdapterError(
            f"hook {name}: scheme '{hook.scheme}' has no time, so each section of {hook.mapping} needs a "
            "version; or leave the mapping out and take deliveries as hints"
        )
    secrets = tuple(secret(variable, "webhook secret").encode() for variable in hook.secret_envs)
    return OpenHook(SCHEMES[hook.scheme], secrets, hook.window_seconds, mapping)
