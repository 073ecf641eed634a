"""The energy page in a browser: bars, ways through time, explaining and correcting."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import READING

# In Paris, 5 January 2026, a Monday.
MIDNIGHT = datetime(2026, 1, 4, 23, tzinfo=UTC)
PIXELS = 'canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data'


def post_hours(device, hours, start=MIDNIGHT, first_kwh=100.0, kw=0.6):
    """Post a reading every five minutes of a constant load; what is left between is a gap."""
    device.post(
        *(
            {
                **READING,
                "energy": round(first_kwh + kw * n / 12, 3),
                "timestamp": (start + timedelta(minutes=5 * n)).isoformat(),
            }
            for n in range(12 * hours + 1)
        )
    )


def post_day(device):
    """Post a day with a gap from six to nine; return its page."""
    post_hours(device, 6)
    post_hours(device, 16, MIDNIGHT + timedelta(hours=9), 105.4)
    return f"/energy/?device={device.id}&span=day&date=2026-01-05"


@pytest.fixture(scope="module")
def day(server):
    """Return the page of a day that nobody changes."""
    return post_day(server.add_device("Measured", "ada"))


@pytest.fixture
def own_day(device):
    """Return the page of a day that is this test's own."""
    return post_day(device)


def bar_at(page, hour):
    """Return where a bar of a day is on the screen."""
    box = surface(page).bounding_box()
    places = page.evaluate("() => document.querySelector('[data-surface]').ariaValueMax")
    # The scale's labels take the left edge.
    left = 34
    width = (box["width"] - left) / int(places)
    return box["x"] + left + width * (hour + 0.5), box["y"] + box["height"] / 2


def surface(page):
    return page.locator("[data-surface]")


def chosen(page):
    return page.locator("[data-chosen]")


def drag(page, first, last):
    page.mouse.move(*bar_at(page, first))
    page.mouse.down()
    page.mouse.move(*bar_at(page, last), steps=4)
    page.mouse.up()


def overflow(page):
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def patterned(page, hours):
    """Return which bars change their colour between neighbouring pixels."""
    box = surface(page).bounding_box()
    shares = [(bar_at(page, hour)[0] - box["x"]) / box["width"] for hour in hours]
    return page.locator("[data-chart] canvas").evaluate(
        """(canvas, shares) => {
          const [width, height] = [canvas.width, Math.round(canvas.height * 0.1)];
          // One look: a browser warns of many.
          const top = Math.round(canvas.height * 0.8);
          const { data } = canvas.getContext("2d").getImageData(0, top, width, height);
          return shares.map((share) => {
            const seen = new Set();
            for (let y = 0; y < height; y++) {
              for (let x = -2; x <= 2; x++) {
                const place = 4 * (y * width + Math.round(share * width) + x);
                seen.add(data.slice(place, place + 3).join());
              }
            }
            return seen.size > 2;
          });
        }""",
        shares,
    )


def test_bars_are_drawn_and_nothing_moves_when_they_come(page, day):
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " window.shift += one.value }).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(day)

    expect(page.locator("[data-chart] canvas")).to_be_visible()
    canvas = page.locator("[data-chart] canvas")
    assert canvas.evaluate(f"canvas => {PIXELS}.some(byte => byte !== 0)")
    assert page.evaluate("window.shift") == 0


def test_estimated_bars_are_hatched(page, day):
    page.goto(day)

    assert patterned(page, [2, 7, 12]) == [False, True, False]


def test_pointer_shows_the_figure_of_the_table(page, day):
    page.goto(day)

    page.mouse.move(*bar_at(page, 7))

    tip = page.locator("[data-tip]")
    expect(tip).to_contain_text("07:00 – 08:00")
    row = page.get_by_role("row", name=re.compile("^07:00"))
    expect(tip).to_contain_text(f"{row.locator('td').first.inner_text()} kWh")


def test_period_is_turned_without_a_new_page_and_back(page, day):
    page.goto(day)
    page.evaluate("window.same = true")

    page.get_by_role("link", name="Later").click()

    heading = page.get_by_role("heading", level=2, name="Tue 6 Jan 2026")
    expect(heading).to_be_visible()
    assert page.url.endswith("span=day&date=2026-01-06")
    expect(page).to_have_title(re.compile("Tue 6 Jan 2026"))

    page.go_back()

    expect(page.get_by_role("heading", level=2, name="Mon 5 Jan 2026")).to_be_visible()
    assert page.evaluate("window.same")


def test_length_bars_and_comparison_are_chosen(page, day):
    page.goto(day)

    page.get_by_role("link", name="Week", exact=True).click()
    expect(page.get_by_role("heading", level=2, name="5 – 11 Jan 2026")).to_be_visible()
    page.get_by_role("navigation", name="One bar for each").get_by_role("link", name="Hour").click()
    expect(surface(page)).to_have_attribute("aria-valuemax", "168")
    page.locator("summary", has_text="Compare").click()
    page.get_by_role("link", name="Week before").click()

    expect(page.get_by_text("Nothing was measured in 29 Dec 2025 – 4 Jan 2026.")).to_be_visible()
    assert page.url.endswith("span=week&date=2026-01-05&by=hour&compare=before")


def test_date_is_picked(page, day):
    page.goto(day)
    page.locator("#energy-title").click()

    page.get_by_label("Go to the date").fill("2026-01-06")
    page.get_by_label("Go to the date").press("Enter")

    expect(page.get_by_role("heading", level=2, name="Tue 6 Jan 2026")).to_be_visible()

    page.locator("#energy-title").click()
    page.get_by_label("Any days from").fill("2026-01-04")
    page.get_by_label("to", exact=True).fill("2026-01-06")
    page.get_by_label("to", exact=True).press("Enter")

    expect(page.get_by_role("heading", level=2, name="4 – 6 Jan 2026")).to_be_visible()


def test_click_chooses_a_bar_and_another_click_none(page, day):
    page.goto(day)

    page.mouse.click(*bar_at(page, 2))

    expect(chosen(page)).to_contain_text("02:00 – 03:00 0.600 kWh")
    expect(surface(page)).to_have_attribute("aria-valuetext", "02:00 – 03:00: 0.600 kWh")

    page.mouse.click(*bar_at(page, 2))

    expect(chosen(page)).to_be_hidden()


def test_dragging_chooses_several_and_the_server_adds_them_up(page, day):
    page.goto(day)

    drag(page, 4, 1)

    expect(chosen(page)).to_contain_text("01:00 – 05:00 2.400 kWh in 4 hours")


def test_tap_chooses_a_bar_and_the_page_can_still_be_scrolled(open_page, server, login_state, day):
    page = open_page(
        server.address, storage_state=login_state, has_touch=True,
        viewport={"width": 360, "height": 740},
    )  # fmt: skip
    page.goto(day)
    surface(page).scroll_into_view_if_needed()

    page.touchscreen.tap(*bar_at(page, 2))

    expect(chosen(page)).to_contain_text("0.600 kWh")
    assert surface(page).evaluate("one => getComputedStyle(one).touchAction") == "pan-y"


def test_finger_drags_over_several_bars(open_page, server, login_state, day):
    page = open_page(
        server.address, storage_state=login_state, has_touch=True,
        viewport={"width": 360, "height": 740},
    )  # fmt: skip
    page.goto(day)
    surface(page).scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)
    start, _ = bar_at(page, 1)
    end, y = bar_at(page, 4)

    for kind, x in [
        ("touchStart", start),
        ("touchMove", start + 10),
        ("touchMove", (start + end) / 2),
        ("touchMove", end),
        ("touchEnd", None),
    ]:
        points = [] if x is None else [{"x": x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    expect(chosen(page)).to_contain_text("01:00 – 05:00 2.400 kWh in 4 hours")


def test_keys_choose_explain_and_lead_back(page, day):
    page.goto(day)
    surface(page).focus()

    for key in ("Home", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(chosen(page)).to_contain_text("01:00 – 04:00 1.800 kWh in 3 hours")
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Why 1.800 kWh?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(surface(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(chosen(page)).to_be_hidden()


def test_why_leads_down_to_the_readings(page, day):
    page.goto(day)
    page.get_by_role("link", name="Why 0.600 kWh, 07:00 – 08:00?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("0.600 kWh is estimated")

    dialog.get_by_role("link", name="Why 0.150 kWh, 07:00").click()

    expect(dialog.get_by_role("heading", name="Why 0.150 kWh?")).to_be_visible()
    expect(dialog.get_by_role("row", name=re.compile("06:00:00 outside"))).to_contain_text(
        "103.600"
    )


def test_dragged_span_is_corrected_marked_and_undone(page, own_day):
    page.goto(own_day)
    total = page.locator("[data-total]")
    before = total.inner_text()
    drag(page, 1, 2)
    page.get_by_role("link", name="Correct…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1.200 kWh")

    dialog.get_by_label("Used (kWh)").fill("0.4")
    dialog.get_by_role("button", name="Correct").click()
    expect(dialog.get_by_text("This field is required.")).to_be_visible()
    dialog.get_by_label("Why").fill("Guests charged a car")
    dialog.get_by_role("button", name="Correct").click()

    expect(page.locator("[data-made]")).to_contain_text("is corrected: “Guests charged a car”.")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("row", name=re.compile("^01:00"))).to_contain_text("0.200")
    expect(page.get_by_role("row", name=re.compile("^01:00"))).to_contain_text("corrected")
    assert patterned(page, [0, 1, 2, 3]) == [False, True, True, False]
    assert page.url.endswith(own_day)

    page.locator("[data-made]").get_by_role("button", name="Undo").click()

    expect(total).to_have_text(before)
    expect(page.get_by_text("Corrected in this time")).to_be_hidden()


def test_span_is_left_out_by_keys_alone(page, own_day):
    page.goto(own_day)
    surface(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Say what it really used")).to_be_focused()

    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_label("Used (kWh)")).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.type("Welding")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Left out: Welding")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^00:00"))).to_contain_text("0.000")


def test_running_bar_moves_on_by_itself_but_not_under_a_choice(page, device):
    now = datetime.now(UTC)
    post_hours(device, 1, now - timedelta(minutes=70))
    # Days around now: a month may have just begun.
    first, last = ((now + timedelta(days=days)).date() for days in (-1, 1))
    page.goto(f"/energy/?device={device.id}&span=days&from={first}&to={last}")
    total = page.locator("[data-total]")
    expect(total).to_have_text("0.600")
    surface(page).focus()
    page.keyboard.press("End")
    device.post(energy=100.7, timestamp=(now - timedelta(minutes=1)).isoformat())

    page.clock.run_for(61_000)
    expect(total).to_have_text("0.600")
    page.keyboard.press("Escape")
    page.clock.run_for(61_000)

    expect(total).to_have_text("0.700")


def test_lost_server_is_told_and_the_bars_stay(page, day, complaints):
    page.goto(day)
    complaints.forgive("ERR_FAILED")
    page.route("**/energy/**", lambda route: route.abort())

    page.get_by_role("link", name="Later").click()

    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    expect(page.get_by_role("heading", level=2, name="Mon 5 Jan 2026")).to_be_visible()


def test_logged_out_leads_to_the_login(page, day):
    page.goto(day)
    page.context.clear_cookies()

    page.get_by_role("link", name="Later").click()

    page.wait_for_url("**/login/**")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_fits_a_small_screen(open_page, server, login_state, day, theme):
    page = open_page(
        server.address, storage_state=login_state, color_scheme=theme,
        viewport={"width": 360, "height": 740},
    )  # fmt: skip
    for address in (day, day.replace("day", "year", 1), day.replace("2026", "2020")):
        page.goto(address)
        assert overflow(page) <= 0
    page.goto(day)
    page.get_by_role("link", name="Why 0.600 kWh, 07:00 – 08:00?").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert overflow(page) <= 0


def test_theme_repaints_the_bars(page, day):
    page.emulate_media(color_scheme="light")
    page.goto(day)
    canvas = page.locator("[data-chart] canvas")
    light = canvas.screenshot()

    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()

    page.clock.run_for(500)
    assert canvas.screenshot() != light


def test_without_script_everything_is_a_page(open_page, server, login_state, own_day):
    page = open_page(server.address, storage_state=login_state, java_script_enabled=False)
    page.goto(own_day)
    expect(page.locator("[data-chart]")).to_be_hidden()
    page.get_by_role("link", name="Why 0.600 kWh, 02:00 – 03:00?").click()
    expect(page.get_by_role("heading", name="Why 0.600 kWh?")).to_be_visible()

    page.get_by_role("link", name="Correct…").click()
    page.get_by_label("Used (kWh)").fill("0.1")
    page.get_by_label("Why").fill("Test")
    page.get_by_role("button", name="Correct").click()

    expect(page.get_by_text("is corrected: “Test”.")).to_be_visible()
    page.goto(own_day)
    expect(page.get_by_role("row", name=re.compile("^02:00"))).to_contain_text("0.100")
