"""Adding a device until its first reading, insights, shortcuts, printing, another language."""

import re

import pytest
from playwright.sync_api import expect

from e2e.running import READING, Device
from e2e.watching import pass_time

PAGES = (
    "/insights/",
    "/insights/voltage/",
    "/settings/",
    "/settings/storage/",
)


def overflow(page):
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def add_device(page, name):
    page.goto("/devices/add/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add device").click()
    expect(page.get_by_role("heading", name=f"{name} is ready to report")).to_be_visible()
    number = int(re.search(r"/devices/(\d+)/", page.url)[1])
    return number, page.locator("#key").inner_text()


def test_wizard_shows_the_first_reading_arriving(page, server):
    number, key = add_device(page, "Arriving")
    expect(page.get_by_role("heading", name="Waiting for a reading")).to_be_visible()
    expect(page.get_by_role("link", name="Check the installation")).to_be_hidden()

    assert Device(server.address, number, key).post(**READING) == 201
    pass_time(page, 3_000)

    expect(page.get_by_role("heading", name="It reports")).to_be_visible()
    expect(page.locator("[data-value=power]")).to_have_text("540.7")
    expect(page.get_by_role("heading", name="Waiting for a reading")).to_be_hidden()
    page.get_by_role("link", name="Check the installation").click()
    expect(page.get_by_role("heading", name="Readings come in: cannot be told yet")).to_be_visible()


def test_wizard_says_what_to_look_at_when_nothing_comes(page):
    add_device(page, "Late")
    words = page.get_by_text("Can the board reach the address above?")
    expect(words).to_be_hidden()

    pass_time(page, 121_000)

    expect(words).to_be_visible()


def test_set_ups_open_one_at_a_time_by_keyboard(page):
    _, key = add_device(page, "Ready-made")
    firmware = page.locator("#wattkeep")
    expect(firmware).to_contain_text(key)

    page.locator("summary", has_text="ESPHome").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#esphome")).to_contain_text(key)
    expect(firmware).to_be_hidden()


def test_qr_code_is_drawn(page):
    add_device(page, "Square")
    page.get_by_text("Show it as a QR code").click()

    box = page.get_by_role("img", name="QR code of the key").bounding_box()

    assert box["width"] == box["height"] > 100


def test_shortcuts_open_pages_and_show_themselves(page, device):
    page.goto("/settings/")

    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_text("Insights")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("i")

    page.wait_for_url("**/insights/")


def test_shortcuts_leave_typing_alone_and_can_be_switched_off(page, device):
    page.goto("/settings/")
    name = page.get_by_label("Name", exact=True)
    name.focus()
    page.keyboard.type("?gi")
    assert "?gi" in name.input_value()
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_hidden()
    page.get_by_role("heading", name="Settings").click()

    page.keyboard.press("?")
    dialog.get_by_label("Use shortcuts in this browser").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")

    expect(dialog).to_be_hidden()
    page.get_by_text("ada", exact=True).first.click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_be_visible()


@pytest.mark.parametrize("look", [(360, "en"), (360, "de"), (1280, "de")], ids=str)
def test_pages_do_not_scroll_sideways(look, open_page, server, login_state, device):
    width, locale = look
    device.post()
    page = open_page(
        server.address,
        storage_state=login_state,
        locale=locale,
        viewport={"width": width, "height": 740},
    )

    for address in (*PAGES, f"{device.page}check/", f"{device.page}key/"):
        page.goto(address)
        assert (address, overflow(page)) == (address, 0)


def test_printed_page_has_no_menu(page, device):
    page.goto(f"/insights/?device={device.id}")
    expect(page.get_by_role("button", name="Print")).to_be_visible()

    page.emulate_media(media="print")

    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_role("heading", name="Always on")).to_be_visible()


def test_voltage_report_is_printed_without_its_choices(page, device):
    device.post(**READING)
    page.goto(f"/insights/voltage/?device={device.id}")
    page.evaluate("window.print = () => document.body.dataset.printed = 'yes'")

    page.get_by_role("button", name="Print").click()
    page.emulate_media(media="print")

    expect(page.locator("body")).to_have_attribute("data-printed", "yes")
    expect(page.get_by_role("button", name="Show", exact=True)).to_be_hidden()
    expect(page.get_by_role("heading", name="Voltage quality")).to_be_visible()
    expect(page.get_by_text("Ten-minute means within")).to_be_visible()


def test_pages_work_without_scripts(open_page, server, login_state, device):
    device.post()
    page = open_page(server.address, storage_state=login_state, java_script_enabled=False)

    page.goto(f"/insights/?device={device.id}")
    expect(page.get_by_role("heading", name="A typical week")).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    page.goto(f"{device.page}check/")
    expect(page.get_by_text("readings in the last day: 1")).to_be_visible()


def test_german_is_chosen_and_goes_through_scripts_too(open_page, server, login_state, device):
    device.post(**{**READING, "power": 540.7})
    page = open_page(server.address, storage_state=login_state, locale="en")
    page.goto("/settings/")

    page.get_by_label("Language of pages and messages").select_option("de")
    page.get_by_role("button", name="Change language").click()

    expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    page.goto("/devices/")
    row = page.locator(f'[data-device="{device.id}"]')
    expect(row.locator("[data-power]")).to_have_text("540,7")
    expect(row.locator("[data-seen]")).to_have_text(re.compile("^(vor |gerade eben)"))
    page.get_by_role("button", name="Farben: wie das System").click()
    expect(page.get_by_role("button", name="Farben: hell")).to_be_visible()
