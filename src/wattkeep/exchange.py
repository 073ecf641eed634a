"""What server processes tell each other at once, through Channels' layer; nobody waits for it.

Everything said here is a hint: who missed it finds the same in the database a little later.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from wattkeep.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Callable

    # Who said it (a process), and what.
    Hear = Callable[[str, Any], None]

logger = logging.getLogger(__name__)

GROUP = "servers"
BEAT_S = 1.0
# A process hears its own beats too: without one for so long the line is down.
SILENT_S = 5.0
ANSWER_WITHIN_S = 1.0
LISTEN_AGAIN_S = 1.0
# What cannot be said for so long is stale by then.
MOST_WAITING = 256

_breaker = Breaker()


class Exchange:
    """One process's line to the others; without a layer it says nothing and hears nothing.

    For the event loop only, except `silent_s`.
    """

    def __init__(self, layer: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = secrets.token_hex(6)
        self._layer = layer
        self._clock = clock
        self._hears: dict[str, Hear] = {}
        self._on_beat: list[Callable[[], None]] = []
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._has_words = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard_s = clock()
        self._is_up = False

    @property
    def exists(self) -> bool:
        """Whether there are, by the settings, other processes to be told."""
        return self._layer is not None

    @property
    def is_up(self) -> bool:
        """Whether what is said here arrives now."""
        return self._is_up

    @property
    def silent_s(self) -> float:
        """How long nothing has been heard, not even this process itself."""
        return self._clock() - self._heard_s

    def on(self, topic: str, hear: Hear) -> None:
        """Have what is said about a topic heard, by this process too."""
        self._hears[topic] = hear

    def on_beat(self, do: Callable[[], None]) -> None:
        """Have something done every second while the exchange runs."""
        self._on_beat.append(do)

    def tell(self, topic: str, what: Any) -> None:
        """Say something as soon as possible, or never; returns at once."""
        if self._tasks:
            self._waiting.append(_message(self.name, topic, what))
            self._has_words.set()

    def start(self) -> None:
        """Begin to speak and to listen."""
        if self._layer is not None:
            self._heard_s = self._clock()
            loop = asyncio.get_running_loop()
            self._tasks = [
                loop.create_task(work()) for work in (self._listen, self._speak, self._beat)
            ]

    async def stop(self) -> None:
        """End both, and let go of the connections."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            # A layer may take a cancellation for its own; nobody's end waits for that.
            await asyncio.wait(tasks, timeout=ANSWER_WITHIN_S)
            await self._hang_up()

    async def _beat(self) -> None:
        while self._tasks:
            self.tell("beat", None)
            for do in self._on_beat:
                do()
            if self._is_up and self.silent_s > SILENT_S:
                self._note_down("nothing is heard")
            await asyncio.sleep(BEAT_S)

    async def _speak(self) -> None:
        while True:
            await self._has_words.wait()
            self._has_words.clear()
            while self._waiting:
                message = self._waiting.popleft()
                try:
                    await asyncio.wait_for(self._layer.group_send(GROUP, message), ANSWER_WITHIN_S)
                except Exception as error:  # noqa: BLE001 - whatever a layer raises while it is away
                    self._note_down(error)
                    self._waiting.clear()

    async def _listen(self) -> None:
        while self._tasks:
            try:
                channel = await asyncio.wait_for(self._layer.new_channel(), ANSWER_WITHIN_S)
                await asyncio.wait_for(self._layer.group_add(GROUP, channel), ANSWER_WITHIN_S)
                while self._tasks:
                    self._take(await self._next(channel))
            except Exception as error:  # noqa: BLE001 - as above
                self._note_down(error)
            await self._hang_up()
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _next(self, channel: str) -> dict[str, Any]:
        """Return what is heard next.

        Raises:
            TimeoutError: nothing was; the line is hung up.
        """
        receiving = asyncio.ensure_future(self._layer.receive(channel))
        try:
            await asyncio.wait({receiving}, timeout=SILENT_S)
            if not receiving.done():
                # First of all: a cancelled one takes its leave, and while the layer mends the line
                # by itself that opens it twice, and nobody closes one of them.
                await self._hang_up()
                raise TimeoutError
            heard: dict[str, Any] = receiving.result()
            return heard
        finally:
            receiving.cancel()

    def _take(self, message: dict[str, Any]) -> None:
        if message["from"] == self.name:
            self._heard_s = self._clock()
            if not self._is_up:
                self._is_up = True
                logger.info("the line to the other processes stands")
        hear = self._hears.get(message["topic"])
        if hear is None:
            return
        try:
            hear(message["from"], message["what"])
        except Exception:
            # E.g. from a process of another version, while they are replaced one by one.
            logger.exception("not understood: %s", message["topic"])

    def _note_down(self, why: object) -> None:
        if self._is_up:
            self._is_up = False
            logger.warning("Redis is away, live pages ask the database: %s", why or "no answer")

    async def _hang_up(self) -> None:
        with suppress(Exception):
            await asyncio.wait_for(self._layer.flush(), ANSWER_WITHIN_S)


def announce(topic: str, what: Any = None) -> None:
    """Tell every server process something, from any thread or command; at most a second's wait."""
    layer = get_channel_layer()
    if layer is None or not _breaker.may_ask():
        return

    async def send() -> None:
        await asyncio.wait_for(layer.group_send(GROUP, _message("", topic, what)), ANSWER_WITHIN_S)

    try:
        async_to_sync(send)()
    except Exception as error:  # noqa: BLE001 - they find it in the database by themselves
        _breaker.fail()
        logger.info("%s could not be announced: %s", topic, error)
    else:
        _breaker.succeed()


def _message(name: str, topic: str, what: Any) -> dict[str, Any]:
    return {"type": "wattkeep", "from": name, "topic": topic, "what": what}
