"""A meter that does not answer, as its device's owner sees it."""

from running import READING, Site
from sim.patience import wait_until


def test_board_that_sends_what_no_meter_measures_is_shown_as_silent(server):
    device, key = server.add_device("Silent")
    browser = Site(server.url)
    browser.log_in("ada")

    def status():
        return browser.get(f"/api/v1/devices/{device}/").body["status"]

    assert status() == "never"
    assert server.post(key, {**READING, "voltage": 0}).status == 400
    wait_until(lambda: status() != "never")
    assert status() == "silent"
    assert browser.get(f"/api/realtime/{device}/").status == 404

    server.post(key, READING)
    assert status() == "online"
    browser.close()
