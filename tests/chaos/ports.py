"""Ports that nothing else takes between one start of a server and the next."""

from __future__ import annotations

import random
import socket
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def quiet_port():
    """Return a free loopback port that the system gives to no outgoing connection.

    One from the usual range could be taken by a client while the server is dead; a client that
    knocks at such a port may even be connected to itself.
    """
    lowest = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else 32_768
    while True:
        port = random.randrange(10_240, lowest)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
