"""JSON lines for machines to read. A student is a keyed hash in them; what an exception says is left out."""

import hashlib
import hmac
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from knowtrace.settings import LogLevel


class Pseudonyms:
    """Turns student ids into keyed hashes: the same student, the same hash, and no way back without the
    key.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def of(self, student_id: str) -> str:
        return hmac.new(self._key, student_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[
            :16
        ]


def configure_logging(level: LogLevel) -> None:
    """Send every log line of the process to stdout as JSON, ours and the libraries' alike.

    Ours have the name that `structlog.get_logger` was given. A module must not bind its logger while it is imported:
    that would keep what was configured then, lines for a terminal, with the words of exceptions.
    """
    handler = logging.StreamHandler(sys.stdout)
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    rename = structlog.processors.EventRenamer("message")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _where_it_failed,
                rename,
                structlog.processors.JSONRenderer(
                    serializer=lambda fields, **_: orjson.dumps(fields).decode()
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # Its lines would hold paths, and those hold student ids; ours hold route templates.
    logging.getLogger("uvicorn.access").disabled = True
    # "Context impl SQLiteImpl" at every start tells an operator nothing; a webhook's URL, which httpx writes with each
    # request, may hold a token, and httpcore writes headers.
    for name in ("alembic", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.stdlib.add_logger_name,
            stamp,
            _where_it_failed,
            rename,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(),
    )


def _where_it_failed(
    _logger: object, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the lines it passed: its text may quote what a student sent."""
    info = fields.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        fields["error"] = type(error).__name__
        fields["error_at"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return fields
