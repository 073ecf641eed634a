"""A thread that does one thing after the other and tells the event loop what came of each."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class WorkThread:
    """What an executor with one worker is, without futures: a third of a small commit's cost."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_running = False
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def do(self, work: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Do `work` on the thread; `then` gets, on this event loop, what it returned or raised."""
        loop = asyncio.get_running_loop()

        def do_and_tell() -> None:
            result: T | Exception
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whoever asked decides
                result = error
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(then, result)

        if not self._is_running:
            self._is_running = True
            threading.Thread(target=self._run, daemon=True, name=self._name).start()
        self._waiting.put(do_and_tell)

    def end(self) -> None:
        """End the thread once everything is done; it starts again if there is more."""
        if self._is_running:
            self._is_running = False
            self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
            # Else it would be held until there is more, with all the readings it was about.
            del work
