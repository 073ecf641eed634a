"""`wattkeep board address`: giving a meter its address on a wire that several share."""

from __future__ import annotations

import os
import select
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY_ADDRESS = 0xF8
WRITE_REGISTER = 0x06
READ_HOLDING = 0x03
ADDRESS_REGISTER = 0x0002
ANSWER_S = 1.0
MOST_TRIES = 3


@click.command()
@click.argument("address_number", metavar="ADDRESS", type=click.IntRange(1, 247))
@click.option("--port", required=True, help="Of the USB-to-serial adapter, e.g. /dev/ttyUSB0.")
@click.option(
    "--old",
    type=click.IntRange(1, ANY_ADDRESS),
    default=ANY_ADDRESS,
    help="Its address now.  [default: any, with this meter alone on the adapter]",
)
def address(address_number: int, port: str, old: int) -> None:
    """Give a PZEM-004T the address ADDRESS; it keeps it without power.

    The meter hangs alone on a USB-to-serial adapter (5 V, GND, TX to RX and RX to TX), not on the
    board, and has mains on its screw terminals: without mains it does not answer.
    """
    with _open_line(port) as line:
        wanted = _frame(old, WRITE_REGISTER, ADDRESS_REGISTER, address_number)
        if _ask(line, wanted, len(wanted)) is None:
            raise click.ClickException(
                f"no meter answered on {port}. Is there mains on its screw terminals? Are TX and "
                "RX crossed? Is it alone on the adapter?"
            )
        # It answers under the new address from now on: two bytes, the address itself.
        answer = _ask(line, _frame(address_number, READ_HOLDING, ADDRESS_REGISTER, 1), 7)
        if answer is None or answer[3:5] != address_number.to_bytes(2, "big"):
            raise click.ClickException(
                f"the meter took the command but does not answer as {address_number}. Try again."
            )
    click.echo(f"The meter answers as {address_number}.")


def _frame(unit: int, function: int, register: int, value: int) -> bytes:
    from wattkeep.sim.modbus import seal_frame

    return seal_frame(
        bytes((unit, function)) + register.to_bytes(2, "big") + value.to_bytes(2, "big")
    )


@contextmanager
def _open_line(port: str) -> Iterator[int]:
    """Open a serial port at 9600 baud, raw."""
    import termios
    import tty

    try:
        line = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise click.ClickException(f"{port} cannot be opened: {error.strerror}.") from None
    try:
        tty.setraw(line)
        settings = termios.tcgetattr(line)
        settings[4] = settings[5] = termios.B9600
        settings[2] |= termios.CLOCAL | termios.CREAD
        termios.tcsetattr(line, termios.TCSANOW, settings)
        yield line
    except termios.error:
        raise click.ClickException(f"{port} is no serial port.") from None
    finally:
        os.close(line)


def _ask(line: int, request: bytes, length: int) -> bytes | None:
    """Send a request and return its answer of `length` bytes; None if none came that is whole."""
    from wattkeep.sim.modbus import open_frame

    for _ in range(MOST_TRIES):
        os.write(line, request)
        answer = _read(line, length)
        if len(answer) == length and open_frame(answer) is not None and answer[1] == request[1]:
            return answer
    return None


def _read(line: int, length: int) -> bytes:
    answer = b""
    until = time.monotonic() + ANSWER_S
    while len(answer) < length and (left_s := until - time.monotonic()) > 0:
        if select.select([line], [], [], left_s)[0]:
            answer += os.read(line, length - len(answer))
    return answer
