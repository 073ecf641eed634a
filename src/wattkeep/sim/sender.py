"""A stand-in for the board where there is no MicroPython: reads the meter's pty and posts."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

import urllib3

from wattkeep.sim.modbus import open_frame, seal_frame
from wattkeep.tether import tether_to_parent

REQUEST = seal_frame(bytes((0xF8, 0x04, 0, 0, 0, 10)))
REPLY_BYTES = 25
REPLY_S = 0.5
TRIES = 5
FIRST_POST_S = 1.0
NAMES = ("voltage", "current", "power", "energy", "frequency", "power_factor")


def read_meter(line: int) -> dict[str, float] | None:
    """Return the meter's six values, or None where it does not answer properly."""
    for _ in range(TRIES):
        _drain(line)
        os.write(line, REQUEST)
        values = parse_reply(_receive(line))
        if values is not None:
            return values
    return None


def parse_reply(reply: bytes) -> dict[str, float] | None:
    """Return the six values of a reply to `REQUEST`, or None for anything else."""
    body = open_frame(reply)
    if body is None or len(reply) != REPLY_BYTES or body[1:3] != b"\x04\x14":
        return None
    words = [int.from_bytes(body[at : at + 2]) for at in range(3, 23, 2)]
    return {
        "voltage": words[0] / 10,
        "current": (words[1] | words[2] << 16) / 1000,
        "power": (words[3] | words[4] << 16) / 10,
        "energy": (words[5] | words[6] << 16) / 1000,
        "frequency": words[7] / 10,
        "power_factor": words[8] / 100,
    }


def _receive(line: int) -> bytes:
    reply = b""
    deadline = time.monotonic() + REPLY_S
    while len(reply) < REPLY_BYTES and (left_s := deadline - time.monotonic()) > 0:
        if select.select([line], [], [], left_s)[0]:
            reply += os.read(line, REPLY_BYTES - len(reply))
    return reply


def _drain(line: int) -> None:
    while select.select([line], [], [], 0)[0] and os.read(line, 256):
        pass


def post_reading(http: urllib3.PoolManager, settings: dict[str, Any], line: int) -> str:
    """Read the meter and post what it says, nulls where it says nothing; return a log line."""
    values = read_meter(line)
    body = values if values is not None else dict.fromkeys(NAMES)
    try:
        answer = http.request(
            "POST",
            settings["server"].rstrip("/") + "/api/energy-data/",
            body=json.dumps(body),
            headers={"Content-Type": "application/json", "X-API-Key": settings["meters"][0]["key"]},
            timeout=8.0,
            retries=False,
        )
    except urllib3.exceptions.HTTPError as error:
        return f"post failed: {error}"
    return f"posted, status {answer.status}"


def main(config: Path, line_path: str) -> None:
    """Post a reading every interval, on absolute deadlines, for as long as the parent lives."""
    tether_to_parent()
    settings = json.loads(config.read_text(encoding="utf-8"))
    interval_s = settings["interval_s"]
    line = os.open(line_path, os.O_RDWR | os.O_NOCTTY)
    http = urllib3.PoolManager()
    due = time.monotonic() + min(FIRST_POST_S, interval_s)
    while True:
        time.sleep(max(due - time.monotonic(), 0))
        sys.stdout.write(post_reading(http, settings, line) + "\n")
        sys.stdout.flush()
        due += interval_s * max(1, -(-(time.monotonic() - due) // interval_s))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
