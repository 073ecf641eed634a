"""A board's page in a browser: settings, commands, small screens, no script."""

import json
import os
import urllib.request

import pytest
from playwright.sync_api import expect


def report(device, **said):
    """Ask for news as the device's board does; return them."""
    body = {
        "boot": "9f3c21aa",
        "nonce": os.urandom(8).hex(),
        "config_version": 1,
        "firmware": "1.0.0",
        "slot": "a",
        "health": {"uptime_s": 86412, "rssi_dbm": -67, "free_heap": 18320, "bad_polls": 12},
        **said,
    }
    request = urllib.request.Request(
        f"{device.address}/api/board/sync/",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": device.key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_settings_and_commands_reach_the_board(page, device):
    report(device)
    page.goto(device.page)
    page.get_by_role("link", name="Health, settings, commands").click()
    expect(page.get_by_text("−67 dBm, good")).to_be_visible()
    expect(page.get_by_text("The board has been told.")).to_be_visible()

    page.get_by_label("Contrast of the display").fill("40")
    page.get_by_label("Display", exact=True).select_option("Off")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The board takes this over with its next post.")).to_be_visible()
    page.get_by_role("button", name="Restart it").click()
    expect(page.get_by_text("waits for the board")).to_be_visible()

    told = report(device)
    page.reload()

    assert told["config"] == {"interval_s": 10, "display": 0, "contrast": 40}
    assert [name for _, name in told["commands"]] == ["reboot"]
    expect(page.get_by_text("The board has been told.")).to_be_visible()
    expect(page.get_by_text("handed over")).to_be_visible()
    expect(page.get_by_role("button", name="Take back")).to_have_count(0)


def test_counter_cannot_be_reset_without_the_tick(page, device):
    page.goto(f"{device.page}board/")

    page.get_by_role("button", name="Set the counter to 0").click()
    assert report(device)["commands"] == []

    page.get_by_label("I know that the figure").check()
    page.get_by_role("button", name="Set the counter to 0").click()
    expect(page.get_by_text("waits for the board")).to_be_visible()
    assert [name for _, name in report(device)["commands"]] == ["reset_energy"]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_does_not_scroll_sideways(width, open_page, server, device, login_state):
    report(device, log="a line of the log without a single space in it" * 3)
    page = open_page(
        server.address, storage_state=login_state, viewport={"width": width, "height": 740}
    )

    page.goto(f"{device.page}board/")

    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
