"""What the processes of `tagtrail registry serve` work with, put together."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from app.bootstrap.registry import make_storage
from app.domain.times import SECOND_NS, rfc3339
from app.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from app.registry.health import Health
    from app.settings.registry import Log


def configure_logging(role: str, section: "Log") -> None:
    """Lines on stderr as `log` says; the libraries' own chatter starts at WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    text = f"%(asctime)s {role} %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(text) if section.formatter == "text" else _Json(role, section.fields))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("app", "workers"):
        logging.getLogger(name).setLevel(section.level.upper())


class _Json(logging.Formatter):
    """One object a line, in distribution's words."""

    def __init__(self, role: str, fields: Mapping[str, str]) -> None:
        super().__init__()
        self._role = role
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        told = {**self._fields, "time": rfc3339(int(record.created * 1e9), 6), "level": record.levelname.lower()}
        told |= {"msg": record.getMessage(), "process": self._role, "logger": record.name}
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def make_health(settings: Settings) -> "Health":
    """The checks that configuration asks for; of a storage in memory only its own process could say anything."""
    from app.registry.health import Check, Health, storage_check

    section = settings.registry.health
    checks = [Check(f"file_{one.file}", _absent(one.file), one.interval / SECOND_NS) for one in section.file]
    if section.storagedriver.enabled and settings.registry.storage.inmemory is None:
        driver, _locks = make_storage(settings)
        one = section.storagedriver
        checks.append(storage_check(driver, one.interval / SECOND_NS, one.threshold))
    return Health(checks)


def _absent(path: "Path") -> Callable[[], None]:
    def look() -> None:
        if path.exists():
            raise OSError(f"{path} exists")

    return look
