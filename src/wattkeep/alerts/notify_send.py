"""Handing one message to one channel; the network's edge."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from wattkeep.alerts.notify_channels import (
    SEND_TIMEOUT_S,
    AddressRefusedError,
    open_address,
)
from wattkeep.monitoring.models import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    import apprise
    from apprise.attachment.memory import AttachMemory

    Send = Callable[["Message"], "Outcome"]

# Apprise's words.
GOOD_NEWS = "success"
TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
INLINE_IMAGE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a channel; an empty address is a browser's, where being there is enough.

    `html` is set for reports; its images are inside it, as data.
    """

    claim: str
    channel_id: int
    url: str
    subject: str
    body: str
    html: str = ""
    severity: int = Severity.INFO
    is_good_news: bool = False
    # Of what is said if it fails; "" is the language in force.
    language: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message; no error means that it was taken."""

    error: str = ""
    is_final: bool = False


def send(message: Message) -> Outcome:
    """Hand a message over, within a limited time."""
    if not message.url:
        return Outcome()
    try:
        service = open_address(message.url)
    except AddressRefusedError as error:
        return Outcome(str(error), is_final=True)
    # `open_address` has imported it.
    import apprise
    from apprise.common import NotifyFormat, NotifyType

    courier = apprise.Apprise(asset=service.asset)
    courier.add(service)
    kind = NotifyType(GOOD_NEWS if message.is_good_news else TYPES[Severity(message.severity)])
    if message.html and _takes_images(service):
        service.inline = True  # type: ignore[attr-defined]  # a mail has it
        html, images = _apart(message.html)
        result = courier.notify(
            html,
            message.subject,
            notify_type=kind,
            body_format=NotifyFormat.HTML,
            attach=[_attachment(name, data) for name, data in images] or None,
        )
    else:
        result = courier.notify(
            message.body, message.subject, notify_type=kind, body_format=NotifyFormat.TEXT
        )
    with result:
        return Outcome() if result else Outcome(_words(result))


def _takes_images(service: apprise.NotifyBase) -> bool:
    """Tell whether a service can show HTML with images inside."""
    from apprise.plugins.email import NotifyEmail

    return isinstance(service, NotifyEmail)


def _attachment(name: str, data: bytes) -> AttachMemory:
    from apprise.attachment.memory import AttachMemory

    return AttachMemory(data, name, "image/png")  # type: ignore[no-untyped-call]


def _apart(html: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return HTML that refers to its images, and these, as mail programs want them."""
    images: list[tuple[str, bytes]] = []

    def take(match: re.Match[str]) -> str:
        name = f"chart-{len(images) + 1}.png"
        images.append((name, base64.b64decode(match[1])))
        return f"cid:{name}"

    return INLINE_IMAGE.sub(take, html), images


def _words(result: apprise.AppriseResult) -> str:
    if result.timeout_count:
        return _("There was no answer within %(count)s seconds.") % {"count": SEND_TIMEOUT_S}
    said = [entry.message for entry in result.logs() if entry.level in {"WARNING", "ERROR"}]
    return " ".join(dict.fromkeys(map(str, said)))[:LONGEST_ERROR] or _("It was not taken.")
