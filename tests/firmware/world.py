"""A board with everything around it, and a hand on each part."""

from __future__ import annotations

import time

from sim.collector import KEY, Collector, Device
from sim.golden import SMALL_POINT, constant
from sim.patience import wait_until
from wattkeep.sim.board import BoardKind, VirtualBoard, Wiring
from wattkeep.sim.bus import BoardTime, Bus, SteppedLine
from wattkeep.sim.oled import VirtualOled
from wattkeep.sim.pzem import VirtualPzem

SHOWN = {
    "voltage": 225.7,
    "current": 0.108,
    "power": 24.4,
    "energy": 38.0,
    "frequency": 50.0,
    "power_factor": 1.0,
}
NOTHING = dict.fromkeys(SHOWN)


def lies(posts):
    """Return what was posted that the meter never showed.

    Nulls are honest at any time: a PC may hold the board up for a whole window.
    """
    return [row for post in posts for row in post.rows if row.values not in (SHOWN, NOTHING)]


def told(posts):
    return [row for post in posts for row in post.rows if row.values != NOTHING]


class World:
    """Meters, a display, a server and a board; `stepped` lets the board's time pass quickly."""

    def __init__(
        self, folder, *, load=None, stepped=False, devices=(), addresses=(1,), display=True, **meter
    ):
        self.folder = folder
        self.clock = BoardTime() if stepped else time.time
        self.meters = [
            VirtualPzem(
                load or constant(SMALL_POINT),
                **{"address": address, "energy_wh": 38_000, "clock": self.clock, **meter},
            )
            for address in addresses
        ]
        self.devices = list(devices) or [Device()]
        self.collector = Collector(*self.devices, now=self.clock).start()
        self.oled = VirtualOled() if display else None
        bus = Bus(self.meters)
        self.line = SteppedLine(bus.answer, self.clock) if stepped else bus
        self.wiring = Wiring(uart=self.line.open(), oled=self.oled.open() if self.oled else None)
        self.board = None

    @property
    def meter(self):
        return self.meters[0]

    @property
    def device(self):
        return self.devices[0]

    def power_on(self, kind=None, **settings):
        config = {
            "wifi_ssid": "bench",
            "wifi_password": "bench",
            "server": self.collector.url,
            "meters": [
                {"address": meter.address, "key": device.key}
                for meter, device in zip(self.meters, self.devices, strict=True)
            ],
            "interval_s": 1,
        }
        kind = kind or BoardKind()
        self.board = VirtualBoard(self.folder, config | settings, self.wiring, kind)
        self.board.start()

    def wait_for_log(self, words, *, limit_s=60.0):
        wait_until(lambda: words in self.log(), limit_s=limit_s)

    def log(self):
        return self.board.log.read_text(errors="replace") if self.board.log.exists() else ""

    def end(self):
        if self.board is not None:
            self.board.stop()
        if self.oled is not None:
            self.oled.close()
        self.line.close()
        self.collector.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


__all__ = ["KEY", "NOTHING", "SHOWN", "World", "lies", "told"]
