"""A virtual SSD1306: the bytes of its I2C transfers in, 128 x 64 pixels or a PNG out."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
import zlib
from typing import Self

WIDTH = 128
HEIGHT = 64
PAGES = HEIGHT // 8
ADDRESS = 0x3C

HEADER = struct.Struct(">HB")
CONTROL_CONTINUES = 0x80
CONTROL_DATA = 0x40
HORIZONTAL, VERTICAL, PAGE = 0, 1, 2

LOW_COLUMN = range(0x10)
HIGH_COLUMN = range(0x10, 0x20)
START_LINE = range(0x40, 0x80)
PAGE_START = range(0xB0, 0xB8)
ROW_DIRECTION = range(0xC0, 0xD0)
SET_MODE = 0x20
SET_COLUMNS = 0x21
SET_PAGES = 0x22
SET_CONTRAST = 0x81
SET_CHARGE_PUMP = 0x8D
# How many argument bytes follow a command, where any do.
ARGUMENTS = {
    SET_MODE: 1,
    SET_COLUMNS: 2,
    SET_PAGES: 2,
    0x26: 6,
    0x27: 6,
    0x29: 5,
    0x2A: 5,
    SET_CONTRAST: 1,
    SET_CHARGE_PUMP: 1,
    0xA3: 2,
    0xA8: 1,
    0xD3: 1,
    0xD5: 1,
    0xD9: 1,
    0xDA: 1,
    0xDB: 1,
}


class Ssd1306:
    """The controller and its panel, mounted as on the usual 0.96 inch module."""

    def __init__(self) -> None:
        # As wired in the chip: byte [page][segment], its low bit on top.
        self._ram = [bytearray(WIDTH) for _ in range(PAGES)]
        self._pending = b""
        self._mode = PAGE
        self._columns = (0, WIDTH - 1)
        self._pages = (0, PAGES - 1)
        self._column = 0
        self._page = 0
        self._start_line = 0
        self._mirrored_segments = False
        self._mirrored_rows = False
        self._powered = False
        self.contrast = 0x7F
        self.inverted = False
        self.all_on = False
        self.on = False

    def transfer(self, message: bytes) -> None:
        """Take what one I2C write carried behind the address."""
        at = 0
        while at + 1 < len(message):
            control = message[at]
            single = bool(control & CONTROL_CONTINUES)
            end = at + 2 if single else len(message)
            payload = message[at + 1 : end]
            if control & CONTROL_DATA:
                self._write_data(payload)
            else:
                self._write_commands(payload)
            at = end

    def pixels(self) -> tuple[bytes, ...]:
        """Return 64 rows of 128 bytes, 1 where a viewer sees light."""
        if not (self.on and self._powered):
            return (bytes(WIDTH),) * HEIGHT
        return tuple(
            bytes(self._is_lit(x, y) ^ self.inverted for x in range(WIDTH)) for y in range(HEIGHT)
        )

    def _is_lit(self, x: int, y: int) -> bool:
        if self.all_on:
            return True
        # The module is glued in upside down: upright means both directions mirrored.
        segment = WIDTH - 1 - x
        line = y if self._mirrored_rows else HEIGHT - 1 - y
        line = (line + self._start_line) % HEIGHT
        return bool(self._ram[line // 8][segment] >> line % 8 & 1)

    def _write_commands(self, payload: bytes) -> None:
        for byte in payload:
            self._pending += bytes((byte,))
            command, arguments = self._pending[0], self._pending[1:]
            if len(arguments) >= ARGUMENTS.get(command, 0):
                self._pending = b""
                self._obey(command, arguments)

    def _obey(self, command: int, arguments: bytes) -> None:
        if command in ARGUMENTS:
            self._configure(command, arguments)
        elif command in LOW_COLUMN:
            self._column = (self._column & 0xF0) | command
        elif command in HIGH_COLUMN:
            self._column = ((command & 0x07) << 4) | (self._column & 0x0F)
        elif command in START_LINE:
            self._start_line = command & 0x3F
        elif command in PAGE_START:
            self._page = command & 0x07
        elif command in ROW_DIRECTION:
            self._mirrored_rows = bool(command & 0x08)
        else:
            self._switch(command)

    def _switch(self, command: int) -> None:
        match command & 0xFE, bool(command & 1):
            case 0xA0, mirrored:
                self._mirrored_segments = mirrored
            case 0xA4, all_on:
                self.all_on = all_on
            case 0xA6, inverted:
                self.inverted = inverted
            case 0xAE, on:
                self.on = on

    def _configure(self, command: int, arguments: bytes) -> None:
        if command == SET_MODE:
            self._mode = arguments[0] & 0x03
        elif command == SET_COLUMNS:
            self._columns = (arguments[0] & 0x7F, arguments[1] & 0x7F)
            self._column = self._columns[0]
        elif command == SET_PAGES:
            self._pages = (arguments[0] & 0x07, arguments[1] & 0x07)
            self._page = self._pages[0]
        elif command == SET_CONTRAST:
            self.contrast = arguments[0]
        elif command == SET_CHARGE_PUMP:
            # Without the pump these modules stay dark, whatever is written to them.
            self._powered = bool(arguments[0] & 0x04)

    def _write_data(self, payload: bytes) -> None:
        for byte in payload:
            # The mirror acts on the way in: what is already there keeps its place.
            column = self._column % WIDTH
            segment = WIDTH - 1 - column if self._mirrored_segments else column
            self._ram[self._page % PAGES][segment] = byte
            self._advance()

    def _advance(self) -> None:
        if self._mode == PAGE:
            self._column = (self._column + 1) % WIDTH
        elif self._mode == HORIZONTAL:
            self._column = _step(self._column, self._columns)
            if self._column == self._columns[0]:
                self._page = _step(self._page, self._pages)
        else:
            self._page = _step(self._page, self._pages)
            if self._page == self._pages[0]:
                self._column = _step(self._column, self._columns)


def _step(value: int, window: tuple[int, int]) -> int:
    return window[0] if value == window[1] else value + 1


def encode_png(rows: tuple[bytes, ...], *, scale: int, brightness: int) -> bytes:
    """Return rows of 0 and 1 as a two-colour PNG, each pixel `scale` wide and high."""
    width, height = len(rows[0]) * scale, len(rows) * scale
    lines = []
    for row in rows:
        bits = "".join("01"[pixel] * scale for pixel in row)
        packed = int(bits.ljust(-(-width // 8) * 8, "0"), 2).to_bytes(-(-width // 8))
        lines += [b"\0" + packed] * scale
    level = 150 + brightness * 105 // 255
    palette = bytes((6, 9, 14, level * 150 // 255, level * 215 // 255, level))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(b"".join(lines), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, oled: VirtualOled) -> None:
        super().__init__(("127.0.0.1", 0), _Transfers)
        self.oled = oled


class _Transfers(socketserver.StreamRequestHandler):
    """One board's bus: length, address and bytes of each transfer; 1 back for ACK, 0 for NACK."""

    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        # Power goes in the middle of a word.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self._take_all()

    def _take_all(self) -> None:
        while len(header := self.rfile.read(HEADER.size)) == HEADER.size:
            length, address = HEADER.unpack(header)
            message = self.rfile.read(length)
            taken = self.server.oled.take(address, message)
            self.wfile.write(b"\1" if taken else b"\0")


class VirtualOled:
    """A display on a bus that a board reaches over a loopback socket."""

    def __init__(self, *, address: int = ADDRESS) -> None:
        self.bus_address = address
        self.plugged = True
        self._chip = Ssd1306()
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def take(self, address: int, message: bytes) -> bool:
        """Take one I2C write; False means that nobody acknowledged the address."""
        if not self.plugged or address != self.bus_address:
            return False
        with self._lock:
            self._chip.transfer(message)
        return True

    def pixels(self) -> tuple[bytes, ...]:
        """Return 64 rows of 128 bytes, 1 where a viewer sees light."""
        with self._lock:
            return self._chip.pixels()

    def png(self, *, scale: int = 4) -> bytes:
        """Return the panel as a PNG picture."""
        with self._lock:
            rows, contrast = self._chip.pixels(), self._chip.contrast
        return encode_png(rows, scale=scale, brightness=contrast)

    def power_cycle(self) -> None:
        """Cut the display's power: it forgets everything."""
        with self._lock:
            self._chip = Ssd1306()

    def open(self) -> str:
        """Start serving the bus and return its `host:port`."""
        if self._server is None:
            self._server = _Server(self)
            threading.Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.05},
                name="virtual-oled",
                daemon=True,
            ).start()
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def close(self) -> None:
        """Stop serving the bus."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
