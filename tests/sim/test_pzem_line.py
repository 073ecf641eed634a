"""Programs that know nothing of ours read the virtual meter over its pty."""

from __future__ import annotations

import os
import select

import minimalmodbus
import pytest
from pymodbus.client import ModbusSerialClient

from sim.golden import READ_ALL_AT_1, SMALL_LOAD, SMALL_POINT, Clock, constant
from wattkeep.sim.pzem import VirtualPzem

REGISTERS = [0x08D1, 0x006C, 0, 0x00F4, 0, 0x0026, 0, 0x01F4, 0x0064, 0]


@pytest.fixture
def meter():
    with VirtualPzem(constant(SMALL_POINT), energy_wh=38, clock=Clock()) as meter:
        yield meter


@pytest.fixture
def instrument(meter):
    instrument = minimalmodbus.Instrument(meter.open(), 1)
    instrument.serial.baudrate = 9600
    instrument.serial.timeout = 5.0
    yield instrument
    instrument.serial.close()


@pytest.fixture
def client(meter):
    client = ModbusSerialClient(meter.open(), baudrate=9600, timeout=5.0, retries=0)
    assert client.connect()
    yield client
    client.close()


def exchange(path, request):
    line = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(line, request)
        reply = b""
        while len(reply) < 25 and select.select([line], [], [], 5.0)[0]:
            reply += os.read(line, 64)
        return reply
    finally:
        os.close(line)


def test_minimalmodbus_reads_everything(instrument):
    assert instrument.read_registers(0, 10, functioncode=4) == REGISTERS
    assert instrument.read_register(0, 1, functioncode=4) == 225.7
    assert instrument.read_registers(1, 2, functioncode=3) == [23_000, 1]


def test_minimalmodbus_reads_the_counter_low_word_first(instrument, meter):
    order = minimalmodbus.BYTEORDER_LITTLE_SWAP

    assert instrument.read_long(5, functioncode=4, byteorder=order) == 38


def test_minimalmodbus_sees_the_meters_refusal(instrument):
    # It waits for as many bytes as a good reply has, which a refusal has not.
    instrument.serial.timeout = 1.0

    with pytest.raises(minimalmodbus.IllegalRequestError):
        instrument.read_register(0x40, functioncode=4)


def test_minimalmodbus_moves_the_meter(instrument, meter):
    instrument.write_register(2, 9, functioncode=6)
    instrument.address = 9

    assert meter.address == 9
    assert instrument.read_registers(0, 10, functioncode=4) == REGISTERS


def test_minimalmodbus_sees_a_bad_checksum(instrument, meter):
    meter.faults.set("crc", replies=1)

    with pytest.raises(minimalmodbus.InvalidResponseError, match=r"[Cc]hecksum"):
        instrument.read_registers(0, 10, functioncode=4)

    assert instrument.read_registers(0, 10, functioncode=4) == REGISTERS


def test_pymodbus_reads_everything(client):
    assert client.read_input_registers(0, count=10, device_id=1).registers == REGISTERS
    assert client.read_holding_registers(1, count=2, device_id=1).registers == [23_000, 1]
    assert client.read_input_registers(0, count=10, device_id=0xF8).registers == REGISTERS


def test_pymodbus_sees_the_meters_refusal(client):
    answer = client.read_input_registers(0x40, count=1, device_id=1)

    assert answer.isError()
    assert answer.exception_code == 2


def test_pymodbus_writes_the_alarm(client, meter):
    assert not client.write_register(1, 20, device_id=1).isError()
    assert meter.reading().alarm


def test_one_reader_after_another_is_served(meter):
    first = exchange(meter.open(), READ_ALL_AT_1)
    second = exchange(meter.open(), READ_ALL_AT_1)

    assert [first, second] == [SMALL_LOAD, SMALL_LOAD]


def test_meter_can_leave_the_wire_and_come_back():
    meter = VirtualPzem(constant(SMALL_POINT), energy_wh=38, clock=Clock())
    meter.open()
    meter.close()
    meter.close()

    with meter:
        assert exchange(meter.open(), READ_ALL_AT_1) == SMALL_LOAD
