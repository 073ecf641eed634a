"""`/ws/live/`: readings, states and incidents to open pages as they happen."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import lru_cache
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.db import Error, connections
from django.utils import timezone

from wattkeep.api.authentication import bearer_token
from wattkeep.api.payloads import VALUES, alert_row, iso
from wattkeep.arrival import is_welcome_host
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.presence import Status
from wattkeep.domain.readings import Reading
from wattkeep.live.presence import presence_of, presences_of
from wattkeep.monitoring.access import Principal, devices_for, principal_of
from wattkeep.monitoring.models import Alert, Device
from wattkeep.monitoring.sessions import SessionStore
from wattkeep.monitoring.sharing import find_link
from wattkeep.monitoring.tokens import find_token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from wattkeep.live.hub import Hub, Watcher
    from wattkeep.live.presence import Presence

    Message = dict[str, Any]

logger = logging.getLogger(__name__)

PATH = "/ws/live/"
MOST_DEVICES = 200
MOST_SOCKETS = 1000
LOOK_EVERY_S = 2.0
# Where other processes tell of their readings, only states and incidents are left to be found.
LOOK_SELDOM_S = 5.0
STATUS_AGAIN_S = 25.0
# Said when there is nothing else to say: a page that hears nothing for longer knows that the
# connection is dead, and no proxy takes it for that. `QUIET_MS` in frontend/src/socket.js.
PING_EVERY_S = 5.0
PING = json.dumps({"type": "ping"})
READINGS_KEPT = 1024
# Who asks for it with `together=1` gets what arrives within this time as one frame, an array: pages
# of many devices do.
GATHER_S = 0.04
# A log-out, or a device given away, ends what is open within this time.
ASK_AGAIN_S = 60.0


class Seen(NamedTuple):
    """What the database says of a device: for those who just came, and by other processes."""

    status: Message
    reading: Reading | None
    alerts: dict[int, Message]


class LiveSocket(AsyncWebsocketConsumer):
    """One open page. Only devices its reader may see; any other is as if it did not exist."""

    def __init__(self, hub: Hub, lookout: Lookout) -> None:
        super().__init__()
        self._hub = hub
        self._lookout = lookout
        self._watcher: Watcher | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        ids = _asked_for(self.scope)
        if await self._is_welcome(ids):
            await self.accept()
            self._watcher = self._hub.open(ids)
            sending = self._send_all(self._watcher, ids)
            self._task = asyncio.get_running_loop().create_task(sending)
        else:
            await self.close()

    async def disconnect(self, _code: int) -> None:
        if self._watcher is not None:
            self._hub.close(self._watcher)
        if self._task is not None:
            self._task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what pages say: they have nothing to say."""

    async def _is_welcome(self, ids: Collection[int]) -> bool:
        if not ids or self._hub.is_full(MOST_SOCKETS):
            return False
        if not is_welcome_host(self.scope, settings.NAMED_HOSTS) or not _is_same_origin(self.scope):
            return False
        try:
            return bool(await _in_thread(_may_watch, self.scope, ids))
        except Error:
            return False

    async def _send_all(self, watcher: Watcher, ids: Collection[int]) -> None:
        """Send the state of things at once, then what changes, until the page closes."""
        loop = asyncio.get_running_loop()
        is_gathered = b"together=1" in self.scope["query_string"].split(b"&")
        try:
            for device_id, seen in (await _in_thread(look, list(ids), complete=True)).items():
                tell(watcher, device_id, seen, frozenset())
            self._lookout.start()
            ask_again = loop.time() + ASK_AGAIN_S
            while True:
                message = await watcher.next(PING_EVERY_S)
                if message is None:
                    await self.send(text_data=PING)
                elif is_gathered:
                    texts = [_as_text(one) for one in (message, *watcher.waiting())]
                    await self.send(text_data=f"[{','.join(texts)}]")
                    await asyncio.sleep(GATHER_S)
                else:
                    await self.send(text_data=_as_text(message))
                if loop.time() >= ask_again:
                    if not await _in_thread(_may_watch, self.scope, ids):
                        break
                    ask_again = loop.time() + ASK_AGAIN_S
        except Error:
            logger.warning("the database is away; an open page falls back to asking")
        await self.close()


class Lookout:
    """Looks, while anybody watches, for what no commit of this process tells.

    That is devices that fall silent, incidents, and readings that other processes took, as long
    as those do not tell of them themselves (`are_told`).
    """

    def __init__(self, hub: Hub, are_told: Callable[[], bool] = lambda: False) -> None:
        self._hub = hub
        self._are_told = are_told
        self._task: asyncio.Task[None] | None = None
        self._told: dict[int, tuple[Message, float]] = {}
        self._alerts: dict[int, frozenset[int]] = {}

    def start(self) -> None:
        """Look regularly from now on, until nobody watches any more."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        while ids := self._hub.watched():
            try:
                found = await _in_thread(look, ids, complete=False)
            except Error:
                logger.warning("the database is away; open pages keep what they show")
            else:
                for device_id, seen in found.items():
                    self._tell_changes(device_id, seen)
            await asyncio.sleep(LOOK_SELDOM_S if self._are_told() else LOOK_EVERY_S)
        self._told.clear()
        self._alerts.clear()

    def _tell_changes(self, device_id: int, seen: Seen) -> None:
        now = asyncio.get_running_loop().time()
        told, at = self._told.get(device_id, (None, 0.0))
        status: Message | None = seen.status
        if told is not None and told["status"] == seen.status["status"]:
            status = seen.status if now - at >= STATUS_AGAIN_S else None
        if status is not None:
            self._told[device_id] = status, now
        known = self._alerts.get(device_id, frozenset())
        self._alerts[device_id] = frozenset(seen.alerts)
        for watcher in self._hub.watchers_of(device_id):
            tell(watcher, device_id, seen._replace(status=status or {}), known)


def tell(watcher: Watcher, device_id: int, seen: Seen, known: frozenset[int]) -> None:
    """Tell a page what was seen; of incidents those it does not know, and those that ended."""
    if seen.status:
        watcher.tell("status", device_id, None, seen.status)
    if seen.reading is not None:
        watcher.offer(seen.reading)
    for number, alert in seen.alerts.items():
        if number not in known:
            watcher.tell("alert", device_id, number, alert)
    for number in known - set(seen.alerts):
        ended = {"type": "alert", "device": device_id, "id": number, "is_resolved": True}
        watcher.tell("alert", device_id, number, ended)


def look(device_ids: list[int], *, complete: bool) -> dict[int, Seen]:
    """Return what is known of devices; `complete`: their newest reading however old it is."""
    now = timezone.now()
    devices = list(Device.objects.filter(pk__in=device_ids).select_related("site"))
    presences = presences_of(devices, now)
    alerts: dict[int, dict[int, Message]] = {device.pk: {} for device in devices}
    for alert in Alert.objects.filter(device__in=devices, is_resolved=False):
        row = {"type": "alert", "device": alert.device_id, **alert_row(alert)}
        alerts[alert.device_id or 0][alert.pk] = row
    seen = {}
    for device in devices:
        presence = presences[device.pk]
        if complete and presence.latest is None:
            presence = presence_of(device, now)
        seen[device.pk] = Seen(_status(device, presence), _reading(presence), alerts[device.pk])
    return seen


def _status(device: Device, presence: Presence) -> Message:
    return {
        "type": "status",
        "device": device.pk,
        "status": presence.status.value,
        "is_online": presence.status == Status.ONLINE,
        "last_seen": iso(presence.last_seen),
    }


def _reading(presence: Presence) -> Reading | None:
    if (latest := presence.latest) is None:
        return None
    values = (getattr(latest, name) for name in VALUES)
    return Reading(latest.device_id, to_ms(latest.timestamp), *values)


def _as_text(message: Message) -> str:
    if message["type"] != "reading":
        return json.dumps(message)
    return _reading_text(message["reading"])


@lru_cache(READINGS_KEPT)
def _reading_text(reading: Reading) -> str:
    """Return a reading's message; all pages that show its device send the same."""
    message = {
        "type": "reading",
        "device": reading.device_id,
        **{name: getattr(reading, name) for name in VALUES},
        "timestamp": iso(from_ms(reading.timestamp_ms)),
    }
    return json.dumps(message)


def _asked_for(scope: Any) -> list[int]:
    """Return the devices a page asks for; none if it asks for nonsense or for too many."""
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("device", [])
    if len(asked) > MOST_DEVICES or not all(a.isascii() and a.isdigit() for a in asked):
        return []
    return sorted({int(a[:18]) for a in asked})


def _is_same_origin(scope: Any) -> bool:
    """Tell whether a page of ours opens this, not one of another site with our user's cookie."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin:  # no browser
        return True
    host = headers.get(b"host", b"").decode("latin-1")
    trusted = {*settings.CORS_ALLOWED_ORIGINS, *settings.CSRF_TRUSTED_ORIGINS}
    return urlsplit(origin).netloc == host or origin in trusted


def _may_watch(scope: Any, ids: Collection[int]) -> bool:
    """Tell whether whoever opens this may see all these devices."""
    who = _asker(scope)
    return who is not None and devices_for(who).filter(pk__in=ids).count() == len(ids)


def _asker(scope: Any) -> Principal | None:
    """Return who asks: by a viewer link in the address, a token, or the session in the cookies."""
    headers = dict(scope["headers"])
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    if "link" in asked:
        link = find_link(asked["link"][0])
        return Principal.of_link(link) if link else None
    text = bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
    if text is not None:
        token = find_token(text)
        return Principal.of_token(token) if token else None
    cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    if (cookie := cookies.get(settings.SESSION_COOKIE_NAME)) is None:
        return None
    session = SessionStore.of_cookie(cookie.value)
    user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]  # all it looks at
    if not user.is_authenticated:
        return None
    return principal_of(SimpleNamespace(session=session, user=user))


async def _in_thread(question: Any, *args: Any, **named: Any) -> Any:
    return await sync_to_async(_with_connections, thread_sensitive=False)(question, *args, **named)


def _with_connections(question: Any, *args: Any, **named: Any) -> Any:
    """Ask on a thread, and leave no connection behind on it."""
    try:
        return question(*args, **named)
    finally:
        connections.close_all()
