# Runs after boot.py: a moment in which a person can stop the board, then the application of the
# chosen slot. Nothing here waits for a network, and nothing an update brings is needed here.
import gc
import sys
import time

import slots
from machine import UART, WDT, Pin, Timer, reset
from micropython import const

_ESCAPE_MS = const(1500)
_TRIAL_S = const(600)
_TICK_MS = const(20000)

log = UART(1, 115200)


def escape_wanted(wait_ms):
    # Once the meter owns the serial port there is no prompt on USB any more. So for a moment
    # after every start the flash button (pressed now, not during power-up) leaves it open.
    button = Pin(0, Pin.IN, Pin.PULL_UP)
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < wait_ms:
        if not button.value():
            log.write("0 stopped by the button\n")
            return True
        time.sleep_ms(20)
    return False


def watch_trial():
    # What is on trial has ten minutes to be confirmed. The clock runs here, not in the application
    # that is being tried. Short ticks: the chip's timer cannot wait for ten minutes.
    left = [_TRIAL_S * 1000 // _TICK_MS]

    def tick(timer):
        left[0] -= 1
        if left[0] <= 0:
            timer.deinit()
            if slots.read()[1] != slots.NONE:
                slots.roll_back("not confirmed in %d s" % _TRIAL_S)
                reset()

    timer = Timer(-1)
    timer.init(period=_TICK_MS, mode=Timer.PERIODIC, callback=tick)
    return timer


def run():
    slot, is_trial = slots.choose()
    dog = WDT()
    timer = watch_trial() if is_trial else None
    # Swept often, the heap stays in one piece; left alone it ends as gaps too narrow to use.
    gc.threshold(1024)
    try:
        slots.mount(slot)
        import app

        app.run(slot, is_trial, dog)
    except Exception as error:
        log.write("fell over\n")
        sys.print_exception(error, log)
        # Still within reach of the button, and slow enough to be read.
        time.sleep_ms(2000)
    reset()


if not escape_wanted(_ESCAPE_MS):
    run()
