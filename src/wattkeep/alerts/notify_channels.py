"""Channels: what address is accepted, how it is stored, and what of it is shown."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from django.utils.translation import gettext as _

from wattkeep.monitoring.secrets import decrypt, encrypt

if TYPE_CHECKING:
    from typing import Any

    import apprise

    from wattkeep.monitoring.models import NotificationChannel

SEND_TIMEOUT_S = 15
# What Apprise does on the machine it runs on: desktop pop-ups, the system's log, a light on USB,
# and files that hold keys.
LOCAL_SCHEMES = frozenset(
    {"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "vapid", "windows"}
)
# What makes Apprise read or write files of this machine, follow an answer elsewhere, or wait and
# try again by itself.
REFUSED_OPTIONS = frozenset(
    {"attach", "keyfile", "pgp", "pgpprv", "pgppub", "redirect", "retry", "store", "subfile"}
)
MAIL_SCHEMES = frozenset({"mailto", "mailtos"})
WEB_SCHEMES = {"http": "json", "https": "jsons"}
LONGEST_URL = 2_000
LONGEST_SHOWN = 200


class AddressRefusedError(Exception):
    """An address cannot be used; the message says why, in words for people."""


@cache
def import_services() -> None:
    """Import Apprise, to be called before its first use.

    With all that it brings it is 8 MB, which a home without channels, or a quiet one, never needs.
    """
    with warnings.catch_warnings():
        # It looks for a module that left Python in 3.13, and says so in 3.11.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise.plugins.email  # noqa: F401


def open_address(url: str) -> apprise.NotifyBase:
    """Return the service behind an address.

    Raises:
        AddressRefusedError: it is none, or one that would reach into this machine.
    """
    scheme, separator = url.partition("://")[:2]
    scheme = scheme.strip().lower()
    if not separator or not scheme:
        raise AddressRefusedError(_("Write an address such as ntfy://ntfy.sh/my-topic."))
    if len(url) > LONGEST_URL:
        raise AddressRefusedError(
            _("This is too long: %(count)s characters at most.") % {"count": LONGEST_URL}
        )
    if scheme in LOCAL_SCHEMES:
        raise AddressRefusedError(
            _("%(scheme)s:// is refused: it would act on the machine that Wattkeep runs on.")
            % {"scheme": scheme}
        )
    options = urlsplit(url).query.lower().replace(";", "&").split("&")
    named = {option.partition("=")[0].strip(" +-:") for option in options}
    refused = sorted(named & REFUSED_OPTIONS)
    if refused:
        raise AddressRefusedError(
            _("The option %(name)s= is refused in an address.") % {"name": refused[0]}
        )
    import_services()
    import apprise

    service = apprise.Apprise.instantiate(url, asset=_asset())
    if service is None:
        raise AddressRefusedError(
            _(
                "Apprise cannot make sense of this %(scheme)s:// address;"
                " something in it is missing."
            )
            % {"scheme": scheme}
        )
    held = vars(service).values()
    if any(isinstance(value, apprise.AppriseAttachment) and value for value in held):
        raise AddressRefusedError(_("An address may not name a file or a template."))
    return service


def shown_address(url: str) -> str:
    """Return what may be shown of an address: the service and the host, nothing secret."""
    service = open_address(url)
    masked = urlsplit(service.url(privacy=True))  # type: ignore[no-untyped-call]
    host = masked.netloc.rpartition("@")[2]
    name = str(service.service_name)
    if masked.scheme in MAIL_SCHEMES:
        people = [address for _, address in getattr(service, "targets", [])]
        return f"{name} → {', '.join(people)}"[:LONGEST_SHOWN] if people else f"{name}, {host}"
    return f"{name}, {host or masked.path.lstrip('/')}"[:LONGEST_SHOWN]


def set_address(channel: NotificationChannel, url: str) -> None:
    """Give a channel its address, which is stored encrypted; the caller saves.

    Raises:
        AddressRefusedError: it cannot be used.
    """
    url = url.strip()
    channel.url_shown = shown_address(url)
    channel.url_encrypted = encrypt(url.encode())
    channel.verified_at = None


def address_of(channel: NotificationChannel) -> str:
    """Return a channel's address in the clear.

    Raises:
        SecretUnreadableError: the installation's secret key is another one now.
    """
    return decrypt(channel.url_encrypted).decode()


def mail_address(values: dict[str, Any]) -> str:
    """Return the address of e-mail through a server, from what a form asks for."""
    mode = values["security"]
    login = ""
    if values.get("user"):
        login = f"{quote(values['user'], safe='')}:{quote(values.get('password') or '', safe='')}@"
    options = {
        "smtp": values["server"],
        "mode": mode,
        "from": values["sender"],
        "to": values["recipient"],
    }
    scheme = "mailto" if mode == "insecure" else "mailtos"
    port = f":{values['port']}" if values.get("port") else ""
    return f"{scheme}://{login}{values['server']}{port}/?{urlencode(options)}"


def telegram_address(values: dict[str, Any]) -> str:
    """Return the address of a Telegram chat."""
    return f"tgram://{quote(values['token'], safe=':')}/{quote(values['chat'], safe='')}/"


def ntfy_address(values: dict[str, Any]) -> str:
    """Return the address of an ntfy topic."""
    server = urlsplit(values["server"])
    scheme = "ntfys" if server.scheme == "https" else "ntfy"
    login = f"{quote(values['token'], safe='')}@" if values.get("token") else ""
    return f"{scheme}://{login}{server.netloc}/{quote(values['topic'], safe='')}"


def webhook_address(values: dict[str, Any]) -> str:
    """Return the address of a web address that takes JSON by POST."""
    target = urlsplit(values["address"])
    # The address's own options go along as such: Apprise takes them with a leading minus.
    query = "&".join(f"-{part}" for part in target.query.split("&") if part)
    return f"{WEB_SCHEMES[target.scheme]}://{target.netloc}{target.path or '/'}" + (
        f"?{query}" if query else ""
    )


def _asset() -> apprise.AppriseAsset:
    import apprise
    from apprise.common import PersistentStoreMode

    return apprise.AppriseAsset(
        app_id="Wattkeep",
        app_desc="Electricity monitor",
        app_url="",
        service_timeout=SEND_TIMEOUT_S,
        # Nothing on the disk: no keys made, no caches kept.
        storage_mode=PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
        http_redirects=False,
    )
