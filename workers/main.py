"""What Dramatiq's command line starts in every worker process: ``workers.main:start``."""

from __future__ import annotations

import dramatiq

from workers.actors import declare_actors
from workers.broker import make_broker
from workers.database import make_hot_engine
from workers.settings import load_settings
from workers.telemetry import configure_logging, spare_garbage_collector


def start() -> None:
    """Makes this process's broker and engine and registers the actors.

    Dramatiq's command line reads the process's broker from ``dramatiq.get_broker()``; this is the one place that sets it.
    """
    settings = load_settings()
    configure_logging(settings.log_level)
    broker = make_broker(settings)
    dramatiq.set_broker(broker)
    declare_actors(broker, make_hot_engine(settings, settings.work_threads), settings)
    spare_garbage_collector()
