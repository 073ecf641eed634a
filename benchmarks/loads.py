"""What is sent: bodies in each protocol, `wrk` at full speed, and a steady trickle."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A batch is what a device measures while nobody listens: a reading every 10 s, 10,000 s long.
BATCH = 1000
STEP_S = 10
# A batch's counter rises by less than this.
BATCH_KWH = 10
FIRST = 160_000
COUNTERS_FROM = FIRST - 100
# More than a device sends in one load.
BATCHES_A_LOAD = 200
# Few enough that each posts every second: what a server remembers of a device stays warm.
TRICKLE_DEVICES = 100
SCRIPT = Path(__file__).with_name("post.lua")
NAMES = ("voltage", "current", "power", "energy", "frequency", "power_factor")


@dataclass(frozen=True)
class Kind:
    """A body to post: `text` with # for the device.

    @ stands for the batch's time in 10,000 s, and ~ for its counter in 10 kWh; the text goes on
    with the rest. Both are one more in a device's next batch.
    """

    path: str
    header: str
    text: str
    readings: int


@dataclass(frozen=True)
class Result:
    """What one run of wrk saw."""

    acknowledged: int
    readings_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def values(seed: int) -> Iterator[dict[str, float]]:
    """Yield one household's readings for ever, never above the alert's 5,000 W."""
    chance = random.Random(seed)
    energy_kwh = 1234.0
    while True:
        voltage = round(chance.uniform(225, 235), 1)
        current = round(chance.uniform(0.1, 18), 3)
        factor = round(chance.uniform(0.7, 1), 2)
        power = round(voltage * current * factor, 1)
        energy_kwh = round(energy_kwh + power / 360_000, 3)
        yield dict(
            zip(NAMES, (voltage, current, power, energy_kwh, 50.0, factor), strict=True),
        )


def json_kind(readings: int) -> Kind:
    """Return the mission's body: one object, or an array of readings 10 s apart."""
    source = values(readings)
    if readings == 1:
        text = json.dumps(next(source))
    else:
        parts = []
        for number, rest in enumerate(_rests(readings)):
            fields = {name: value for name, value in next(source).items() if name != "energy"}
            known = json.dumps(fields)[1:-1]
            time_s = f"@{number * STEP_S:04d}"
            parts.append(f'{{{known}, "energy": ~{rest}, "timestamp": {time_s}}}')
        text = "[" + ", ".join(parts) + "]"
    return Kind("/api/energy-data/", "X-API-Key", text, readings)


def line_kind(readings: int, query: str) -> Kind:
    """Return the same readings in InfluxDB's line protocol."""
    source = values(readings)
    lines = []
    for number, rest in enumerate(_rests(readings)):
        fields = dict(next(source))
        if readings > 1:
            fields["energy"] = "~" + rest
        text = ",".join(f"{name}={value}" for name, value in fields.items())
        stamp = f" @{number * STEP_S:04d}000" if readings > 1 else ""
        lines.append(f"energy,device=# {text}{stamp}")
    return Kind(f"/write?precision=ms{query}", "", "\n".join(lines) + "\n", readings)


def _rests(readings: int) -> list[str]:
    """Return what a batch's counter shows beyond full tens of kWh."""
    return [f"{number * BATCH_KWH / readings:.3f}" for number in range(readings)]


class Sender:
    """Posts one kind of body to one server; no two requests carry the same reading."""

    # Batches are stamped from here on, in 10,000 s: long past, and after each load of the run
    # still so. Who stores nothing of the future would else be quickest by far.
    _first = FIRST

    def __init__(self, url: str, kind: Kind, devices: list[str], folder: Path) -> None:
        self._url = url + kind.path
        self._kind = kind
        self._devices = devices
        self._folder = folder
        folder.mkdir(parents=True)
        (folder / "header.txt").write_text(kind.header)
        (folder / "devices.txt").write_text("\n".join(devices))
        (folder / "body.txt").write_text(kind.text)

    def saturate(self, connections: int, seconds: float) -> Result:
        """Post as fast as the answers come."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
        command += ["--timeout", "20s", "-s", str(SCRIPT), self._url, "--"]
        command += [str(self._folder), str(Sender._first), str(Sender._first - COUNTERS_FROM)]
        Sender._first += BATCHES_A_LOAD
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        saw = json.loads(done.stdout.rpartition("RESULT ")[2])
        kept = saw["requests"] - saw["refused"]
        errors = sum(saw[name] for name in ("refused", "connect", "read", "write", "timeout"))
        acknowledged = kept * self._kind.readings
        return Result(
            acknowledged,
            acknowledged / (saw["duration_us"] / 1e6),
            saw["p50_us"] / 1000,
            saw["p99_us"] / 1000,
            errors,
        )

    def trickle(self, per_s: int, seconds: float) -> int:
        """Post steadily over a few kept connections; return how many were acknowledged."""
        return asyncio.run(self._trickle(per_s, seconds))

    async def _trickle(self, per_s: int, seconds: float) -> int:
        address, _, path = self._url.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        lanes = 10
        begin = time.monotonic() + 0.05
        count = round(per_s * seconds)

        async def lane(first: int) -> int:
            reader, writer = await asyncio.open_connection(host, int(port))
            kept = 0
            for turn in range(first, count, lanes):
                await asyncio.sleep(begin + turn / per_s - time.monotonic())
                writer.write(self._request(address, "/" + path, turn))
                kept += await _is_kept(reader)
            writer.close()
            return kept

        return sum(await asyncio.gather(*(lane(first) for first in range(lanes))))

    def _request(self, address: str, path: str, turn: int) -> bytes:
        device = self._devices[turn % min(TRICKLE_DEVICES, len(self._devices))]
        body = self._kind.text.replace("#", device)
        named = f"{self._kind.header}: {device}\r\n" if self._kind.header else ""
        return (
            f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
            f"{named}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


async def _is_kept(reader: asyncio.StreamReader) -> bool:
    """Read one answer; tell whether it acknowledged."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, _, rest = head.partition("content-length:")
    if rest:
        await reader.readexactly(int(rest.partition("\r\n")[0]))
    return head.split()[1].startswith("2")
