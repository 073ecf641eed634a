# What the server can tell this board to do, once each.
import time

from log import say
from pzem import crc16

_REPLY_MS = 300


def run(board, meter, name):
    # Answers "ok", or why not.
    if name == "reset_energy":
        return reset_energy(board.pzem.uart, board.pzem.addresses[meter.index])
    if name == "reboot":
        board.wants_reset = True
        return "ok"
    if name == "send_log":
        meter.send_log = True
        return "ok"
    say("unknown command %s" % name)
    return "unknown command"


def reset_energy(uart, address):
    request = bytearray((address, 0x42, 0, 0))
    crc = crc16(request, 2)
    request[2] = crc & 0xFF
    request[3] = crc >> 8
    waste = bytearray(32)
    # A poll may be under way: its reply is let pass first.
    time.sleep_ms(60)
    while uart.any():
        uart.readinto(waste)
    uart.write(request)
    reply = bytearray(4)
    filled = 0
    start = time.ticks_ms()
    while filled < 4 and time.ticks_diff(time.ticks_ms(), start) < _REPLY_MS:
        if uart.any():
            filled += uart.readinto(memoryview(reply)[filled:]) or 0
        else:
            time.sleep_ms(2)
    if filled < 4:
        return "the meter did not answer"
    # The reply is an echo, from whatever address the meter has.
    if reply[1] == 0x42 and crc16(reply, 2) == reply[2] | reply[3] << 8:
        return "ok"
    return "the meter refused"
