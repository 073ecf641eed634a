"""What a person does here, on a telephone's screen and by keyboard alone: no pointer is used.

Whatever has the focus on the way has to be seen: neither outside nor behind something.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.curves import READY, address_of, span_of, wait_for_address
from e2e.running import READING, Device
from e2e.watching import pass_time

PHONE = {"width": 360, "height": 740}
# Whether the focus is where it shall go, whether any of it is seen, and what it is on.
FOCUS = """(target) => {
  const one = document.activeElement;
  const shown = one.matches(".sr-only:is(input)") ? one.closest("label") : one;
  const parts = [0.02, 0.5, 0.98];
  const isSeen = [...shown.getClientRects()].some((box) => {
    const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
    const at = (x, y) => [box.left + box.width * x, top + (bottom - top) * y];
    const isAt = (x, y) => shown.contains(document.elementFromPoint(...at(x, y)));
    return parts.some((x) => parts.some((y) => isAt(x, y)));
  });
  return [one === target, isSeen, one.outerHTML.slice(0, 200)];
}"""


@pytest.fixture
def page(open_page, server, login_state):
    opened = open_page(
        server.address,
        storage_state=login_state,
        viewport=PHONE,
        permissions=["clipboard-read", "clipboard-write"],
    )
    opened.clock.install()
    return opened


@pytest.fixture(scope="module")
def other(server):
    """Return a device beside the measured one."""
    return server.add_device("Other", "ada")


def reach(page, target, key="Tab", most=150):
    """Press Tab until a thing has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        has_focus, is_seen, words = target.evaluate(FOCUS)
        assert is_seen, f"the focus cannot be seen: {words}"
        if has_focus:
            return
    raise AssertionError(f"{target} is not reached by {key}")


def press(page, target, key="Enter"):
    reach(page, target)
    page.keyboard.press(key)


def write(page, label, text):
    reach(page, page.get_by_label(label, exact=True))
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def test_device_is_added_and_its_first_reading_seen(page, server, measured):
    page.goto("/devices/")
    press(page, page.get_by_role("main").get_by_role("link", name="Add a device"))
    page.wait_for_url("**/devices/add/")
    write(page, "Name", "Cellar")
    page.keyboard.press("Enter")
    page.wait_for_url("**/key/")
    key = page.locator("#key").inner_text()

    press(page, page.get_by_role("button", name="Copy").first)
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    press(page, page.locator("summary", has_text="Show it as a QR code"))
    expect(page.get_by_role("img", name="QR code of the key")).to_be_visible()
    press(page, page.locator("summary", has_text="Tasmota"))
    expect(page.locator("#tasmota")).to_contain_text(key)
    number = int(re.search(r"/devices/(\d+)/", page.url)[1])
    assert Device(server.address, number, key).post(**READING) == 201
    pass_time(page, 3_000)
    expect(page.get_by_role("heading", name="It reports")).to_be_visible()
    press(page, page.get_by_role("link", name="Check the installation"))

    expect(page.get_by_role("heading", name="Installation check")).to_be_visible()


def test_menus_open_lead_on_and_close(page, measured, other):
    page.goto(measured.page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("main summary", has_text="Measured")).to_be_focused()

    page.keyboard.press("Enter")
    press(page, page.get_by_role("main").get_by_role("link", name="Other"))
    page.wait_for_url(f"**{other.page}")
    menu = page.get_by_label("Menu of ada")
    press(page, menu)
    settings = page.locator("[data-menu]").get_by_role("link", name="Settings")
    expect(settings).to_be_visible()
    page.keyboard.press("Escape")
    expect(settings).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    press(page, settings)
    page.wait_for_url("**/settings/")
    press(page, page.locator(".tabbar").get_by_role("link", name="History"))

    page.wait_for_url("**/history/**")


def test_energy_is_compared_explained_corrected_and_put_back(page, measured):
    day = (datetime.now(UTC) - timedelta(days=1)).date()
    page.goto(f"/energy/?device={measured.id}&span=month&date=2025-01-01")
    press(page, page.locator("#energy-title"))
    write(page, "Go to the date", f"{day:%m%d%Y}")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**date={day:%Y-%m}-**")
    surface = page.locator("[data-surface]")
    press(page, surface, "Home")
    for _ in range(day.day - 1):
        page.keyboard.press("ArrowRight")
    press(page, page.get_by_role("link", name="Look inside"))
    page.wait_for_url(f"**span=day&date={day}**")
    press(page, page.locator("#energy-compare"))
    press(page, page.get_by_role("link", name="Day before"))
    expect(page.locator("#energy-compare")).to_contain_text("Day before")
    total = page.locator("[data-total]")
    before = total.inner_text()

    press(page, surface, "Home")
    page.keyboard.press("Shift+ArrowRight")
    why = page.locator("[data-why]")
    press(page, why)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_be_focused()
    press(page, dialog.get_by_role("button", name="Close"))
    expect(why).to_be_focused()
    press(page, page.locator("[data-correct]"))
    expect(dialog.get_by_label("Say what it really used")).to_be_focused()
    write(page, "Used (kWh)", "9.5")
    write(page, "Why", "Guests")
    page.keyboard.press("Enter")
    made = page.locator("[data-made]")
    expect(made).to_contain_text("“Guests”")
    expect(total).not_to_have_text(before)
    expect(surface).to_be_focused()
    reach(page, made.get_by_role("button", name="Undo"), "Shift+Tab")
    page.keyboard.press("Enter")

    expect(total).to_have_text(before)


def test_history_is_chosen_zoomed_read_and_saved(page, measured):
    page.goto(f"/history/?device={measured.id}")
    page.wait_for_selector(READY)
    before = page.url
    press(page, page.get_by_role("link", name="1 h", exact=True))
    wait_for_address(page, before)
    span = span_of(page)
    before = page.url
    press(page, page.get_by_role("button", name="Zoom out"))
    wait_for_address(page, before)
    assert span_of(page) > span
    press(page, page.get_by_label("Download as CSV"))
    with page.expect_download() as started:
        press(page, page.get_by_role("link", name="Quarter-hours with kWh"))
    assert started.value.path().read_text().startswith("start,")
    before = page.url
    press(page, page.get_by_role("checkbox", name="Voltage"), "Space")
    wait_for_address(page, before)
    assert address_of(page)["metric"] == ["power", "voltage"]

    press(page, page.locator("[data-surface]"), "Shift+ArrowRight")
    expect(page.locator("[data-readout]")).to_contain_text("230.5 V")
    press(page, page.get_by_role("button", name="Show figures"))

    expect(page.locator("[data-tables] tbody tr").first).to_be_visible()


def test_incident_is_put_aside_and_ended(page, other):
    other.post(age_s=60)
    page.goto(other.page)
    other.post(current=27, power=6100.0, age_s=40)
    other.post(current=27, power=6100.0)
    expect(page.locator("[data-alert]")).to_have_count(1)
    address = f"/alerts/?device={other.id}"
    page.goto(address)

    press(page, page.locator("summary", has_text="Snooze"))
    press(page, page.get_by_role("button", name="Until Monday, 7:00"))
    expect(page.get_by_role("status").filter(has_text="Snoozed until Mon")).to_be_visible()
    assert page.url.endswith(address)
    press(page, page.get_by_role("button", name="Acknowledge"))
    expect(page.get_by_role("status").filter(has_text="Acknowledged: ")).to_be_visible()
    press(page, page.get_by_role("link", name=re.compile("High power")))
    page.wait_for_url(re.compile(r"/alerts/\d+/$"))
    expect(page.get_by_role("img", name=re.compile("^Curve from "))).to_be_visible()
    press(page, page.get_by_role("button", name="Resolve"))

    expect(page.get_by_text("Resolved by hand")).to_be_visible()


def test_rule_and_channel_are_made_tried_and_switched_off(page, measured):
    page.goto("/alerts/rules/")
    press(page, page.get_by_role("link", name="Add a rule"))
    page.wait_for_url("**/rules/add/")
    reach(page, page.get_by_label("Where"))
    page.keyboard.type("Measured")
    write(page, "Name", "Kettle")
    write(page, "Limit", "2500")
    press(page, page.get_by_role("button", name="Try it"))
    expect(page.get_by_text("would not have fired")).to_be_visible()
    reach(page, page.get_by_role("button", name="Save"), "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/alerts/rules/.place="))
    expect(page.locator("li", has_text="Kettle")).to_have_count(1)  # trying saved none
    switch = page.get_by_role("button", name=re.compile("Switch off.*Kettle"))
    press(page, switch)
    expect(page.get_by_role("button", name=re.compile("Switch on.*Kettle"))).to_be_visible()

    press(page, page.get_by_role("link", name="Channels"))
    page.wait_for_url("**/alerts/channels/")
    press(page, page.get_by_role("link", name="Browser"))
    page.wait_for_url("**/channels/add/browser/")
    press(page, page.get_by_role("button", name="Add channel"))
    page.wait_for_url("**/alerts/channels/")
    press(page, page.get_by_role("button", name="Test Browser"))

    expect(page.get_by_text("The test is on its way to every browser")).to_be_visible()


def test_device_is_put_behind_another_and_deleted(page, server, measured):
    oven = server.add_device("Oven", "ada")
    page.goto(oven.page)
    press(page, page.get_by_role("link", name="Edit Oven"))
    page.wait_for_url("**/edit/")
    reach(page, page.get_by_label("Behind", exact=True))
    page.keyboard.type("Measured")
    press(page, page.get_by_role("button", name="Save").first)
    page.wait_for_url(f"**{oven.page}")
    page.goto("/")
    expect(page.locator(f"[data-rest='{measured.id}']")).to_contain_text("on no sub-meter")

    page.goto(f"{oven.page}edit/")
    press(page, page.get_by_role("link", name="Delete this device"))
    page.wait_for_url("**/delete/")
    write(page, "Type its name to delete it", "Oven")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Oven is deleted.")).to_be_visible()


def test_insights_lead_to_the_voltage_of_a_week(page, measured):
    page.goto(f"/insights/?device={measured.id}")
    press(page, page.get_by_role("link", name="Open the report"))
    page.wait_for_url("**/insights/voltage/**")
    reach(page, page.get_by_label("Nominal voltage"))
    page.keyboard.type("240")
    press(page, page.get_by_role("button", name="Show", exact=True))

    expect(page.get_by_role("heading", name="240 V ± 10 %")).to_be_visible()


def test_look_and_price_are_set(page, measured):
    page.goto("/settings/")
    press(page, page.get_by_role("button", name="Theme: system"))
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    write(page, "Currency", "EUR")
    reach(page, page.get_by_label(re.compile("[Pp]rice of a kWh")))
    page.keyboard.type("0.30")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Settings are saved.")).to_be_visible()
