"""How lines of the log look: as text or JSON, with the request they belong to, without secrets."""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

# The number of the request that is being answered; "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

HIDDEN = "[hidden]"
# What people and programs get in by, in whatever library's message it stands.
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A header or field that is named like one: its value, to the end of what may be one.
    (
        re.compile(
            r"(?i)(\b(?:proxy-)?authorization|x-api-key|x-signature|(?:set-)?cookie|sessionid"
            r"|csrf\w*token|passw(?:or)?d\d?|passphrase|secret|api[_-]?key|token)"
            r"(\\?[\"']?\s*[:=,]\s*b?\\?[\"']?(?:(?:bearer|basic|token)\s+)?)"
            r"[^\s\"',;&)}\]]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # user:password@ in an address.
    (re.compile(r"(\w://)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # Device keys: a prefix, which may be shown, and a secret.
    (re.compile(r"\b([a-z2-9]{8})_[a-z2-9]{39}\b"), rf"\1_{HIDDEN}"),
    (re.compile(r"\b(wk[a-z])_[A-Za-z0-9_-]{16,}"), rf"\1_{HIDDEN}"),
    # Telegram's: a number and 35 letters.
    (re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,}"), HIDDEN),
    # Fernet tokens, links' tokens, session keys: long, of mixed letters and digits.
    (
        re.compile(
            r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[A-Za-z0-9_-]{22,}=*"
            r"|(?<![\w-])(?=(?:[a-z_-]*\d){4})(?=(?:[\d_-]*[a-z]){4})[a-z0-9]{32,}(?![\w-])"
        ),
        HIDDEN,
    ),
)


def without_secrets(text: str) -> str:
    """Return a log's text with whatever looks like a secret hidden."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


class TextFormatter(logging.Formatter):
    """One line an event, and its traceback below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        text = without_secrets(super().format(record))
        number = request_id.get()
        if not number:
            return text
        head, end, rest = text.partition("\n")
        return f"{head} [{number}]{end}{rest}"


class JsonFormatter(logging.Formatter):
    """One JSON object an event, for programs that gather logs."""

    def format(self, record: logging.LogRecord) -> str:
        row = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        if number := request_id.get():
            row["request_id"] = number
        if record.exc_info:
            row["exception"] = without_secrets(self.formatException(record.exc_info))
        if record.stack_info:
            row["stack"] = without_secrets(self.formatStack(record.stack_info))
        return json.dumps(row, ensure_ascii=False)
