"""The service's log: one JSON object a line on standard error, never with a photo's content."""

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("ecosorter.serving")

_PAUSE = 10  # seconds

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event, whatever stands in `extra`, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": record.process,
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Sparing(logging.Filter):
    """Lets the same event through once in ten seconds: whoever causes it by the thousand must not fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write it."""
        now, event = time.monotonic(), str(record.msg)[:80]
        if now < self._last.get(event, now):
            return False
        if len(self._last) > 100:
            self._last.clear()
        self._last[event] = now + _PAUSE
        return True


def log_config(level: str = "INFO") -> dict[str, Any]:
    """Return the logging settings of a process of the service, for uvicorn: the lines of every library become JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"sparing": {"()": "ecosorter.serving.logs.Sparing"}},
        "formatters": {"json": {"()": "ecosorter.serving.logs.JsonLines"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "ecosorter": {"level": level},
            "ecosorter.serving.connections": {"filters": ["sparing"]},
            "asyncio": {"filters": ["sparing"]},
            "uvicorn": {"handlers": [], "level": level},
            "uvicorn.error": {"level": level},
            "uvicorn.access": {"handlers": [], "level": "ERROR", "propagate": False},
        },
    }
