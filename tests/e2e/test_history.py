"""The history page as hands meet it: wheel, drag, pinch, keys, legend, address, files, figures."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from e2e.running import PASSWORD, READING

STEP = timedelta(minutes=2)
READY = '[data-surface][aria-busy="false"]'
# Alike only if nothing was drawn in between.
PICTURE = "canvas => canvas.toDataURL()"
# How many pixels of a column of the plot are not the card's.
COLOURED = """(canvas, x) => {
  const ratio = canvas.width / canvas.clientWidth;
  const { data } = canvas.getContext("2d").getImageData(Math.round(x * ratio), 0, 1, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue, alpha] = data.slice(i, i + 4);
    if (alpha > 40 && Math.max(red, green, blue) - Math.min(red, green, blue) > 40) count += 1;
  }
  return count;
}"""
GUTTER = 52


def post_days(device, days=2, gap=None, power=500.0):
    """Post a reading every two minutes up to now; nothing in the gap (hours ago, from and to)."""
    now = datetime.now(UTC).replace(microsecond=0)
    readings = []
    for n in range(int(timedelta(days=days) / STEP)):
        ago = n * STEP
        if gap and timedelta(hours=gap[1]) < ago < timedelta(hours=gap[0]):
            continue
        value = round(power + 100 * (n % 7), 1)
        at = (now - ago).isoformat()
        readings.append({**READING, "power": value, "energy": 900 - n / 100, "timestamp": at})
    assert device.post(*reversed(readings)) == 201


def open_history(page, *devices, **query):
    names = "&".join(f"device={device.id}" for device in devices)
    more = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"/history/?{names}{more}")
    page.wait_for_selector(READY)


def address_of(page):
    return parse_qs(urlsplit(page.url).query)


def span_of(page):
    """Return the seconds of the view, as the address has them."""
    query = address_of(page)
    start, end = (datetime.fromisoformat(query[name][0]) for name in ("start", "end"))
    return (end - start).total_seconds()


def wait_for_address(page, before):
    """Wait until the address tells of another view."""
    page.wait_for_function("before => location.href !== before", arg=before)
    page.wait_for_selector(READY)


def canvas_of(page, metric="power"):
    return page.locator(f"[data-panel={metric}] canvas")


def middle_of(page):
    box = page.locator("[data-surface]").bounding_box()
    return box["x"] + GUTTER + (box["width"] - GUTTER) / 2, box["y"] + 120


@pytest.fixture(scope="module")
def measured(server):
    """Return a device with two days of readings, for tests that add nothing to it."""
    device = server.add_device("Measured", "ada")
    post_days(device)
    return device


def test_wheel_zooms_around_the_pointer_and_the_address_keeps_the_view(page, measured):
    open_history(page, measured)
    before = page.url
    page.mouse.move(*middle_of(page))

    for _ in range(4):
        page.mouse.wheel(0, -240)
    wait_for_address(page, before)

    expect(page.locator("[data-range]")).not_to_be_empty()
    page.wait_for_timeout(300)
    span = span_of(page)
    words = page.locator("[data-range]").inner_text()
    picture = canvas_of(page).evaluate(PICTURE)
    assert 3600 < span < 12 * 3600
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("[data-range]").inner_text() == words
    assert canvas_of(page).evaluate(PICTURE) == picture


def test_drag_moves_what_is_under_the_pointer(page, measured):
    open_history(page, measured)
    before = page.url
    query = address_of(page)
    assert "start" not in query
    x, y = middle_of(page)
    width = page.locator("[data-surface]").bounding_box()["width"] - GUTTER

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + width / 4, y, steps=4)
    page.mouse.up()
    wait_for_address(page, before)

    end = datetime.fromisoformat(address_of(page)["end"][0])
    moved = (datetime.now(UTC) - end).total_seconds()
    assert moved == pytest.approx(86_400 / 4, abs=120)
    assert span_of(page) == pytest.approx(86_400, abs=1)


def test_pinch_zooms_and_one_finger_moves(open_page, server, login_state, measured):
    page = open_page(
        server.address,
        storage_state=login_state,
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
    )
    open_history(page, measured)
    before = page.url
    page.locator("[data-surface]").scroll_into_view_if_needed()
    x, y = middle_of(page)
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": at, "y": y, "id": n} for n, at in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", x - 20, x + 20)
    for wide in (30, 40, 50, 60):
        touch("touchMove", x - wide, x + wide)
    touch("touchEnd")
    wait_for_address(page, before)
    pinched = span_of(page)
    assert pinched == pytest.approx(86_400 / 3, rel=0.15)

    before = page.url
    touch("touchStart", x)
    for moved in (15, 30, 45, 60):
        touch("touchMove", x + moved)
    touch("touchEnd")
    wait_for_address(page, before)
    assert span_of(page) == pytest.approx(pinched, rel=0.01)


def test_keys_move_zoom_and_go_to_the_ends(page, measured):
    open_history(page, measured)
    surface = page.locator("[data-surface]")
    surface.focus()
    spans = []

    for key in ("+", "-", "ArrowLeft", "Home", "End"):
        before = page.url
        page.keyboard.press(key)
        wait_for_address(page, before)
        query = address_of(page)
        spans.append((round(span_of(page)), datetime.fromisoformat(query["end"][0])))

    lengths = [length for length, _ in spans]
    assert lengths == [54_000, 86_400, 86_400, 86_400, 86_400]
    left, home, end = (at for _, at in spans[2:])
    assert home < left < end
    assert abs(end - datetime.now(UTC)) < timedelta(minutes=1)
    assert abs(home - (datetime.now(UTC) - timedelta(days=1))) < timedelta(hours=1)


def test_keys_read_values_out(page, measured):
    open_history(page, measured)
    page.locator("[data-surface]").focus()

    page.keyboard.press("Shift+ArrowRight")
    first = page.locator("[data-spoken]").inner_text()
    page.keyboard.press("Shift+ArrowRight")

    expect(page.locator("[data-readout]")).to_be_visible()
    assert re.search(r"^\d+ \w+ \d{4}, \d\d:\d\d.*\d W", first)
    expect(page.locator("[data-spoken]")).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator("[data-readout]")).to_be_hidden()


def test_values_under_the_pointer_are_those_of_the_api(page, measured):
    now = datetime.now(UTC)
    start, end = (f"{now - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%SZ}" for ago in (60, 30))
    open_history(page, measured, start=start, end=end)

    page.mouse.move(*middle_of(page))

    readout = page.locator("[data-readout]")
    expect(readout).to_be_visible()
    answer = page.request.get(
        f"/api/v1/devices/{measured.id}/series/?start={start}&end={end}"
    ).json()
    middle = now - timedelta(minutes=45)
    points = answer["points"]
    nearest = min(points, key=lambda one: abs(datetime.fromisoformat(one["timestamp"]) - middle))
    assert answer["step_s"] is None
    assert f"{nearest['mean']:,.1f} W" in readout.inner_text()


def test_last_zoom_is_single_readings(page, measured):
    answers = []
    page.on("response", lambda one: "/series/" in one.url and answers.append(one))
    now = datetime.now(UTC)
    start, end = (f"{now - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%SZ}" for ago in (50, 30))

    open_history(page, measured, start=start, end=end)

    body = answers[-1].json() if answers else chart_of(page)["series"][0]
    assert body["step_s"] is None
    assert all(one["min"] == one["mean"] == one["max"] for one in body["points"])


def chart_of(page):
    return json.loads(page.locator("#history-data").text_content())


@pytest.mark.parametrize("span", ["1 h", "24 h", "7 d", "All"])
def test_no_view_has_more_points_than_pixels(span, page, measured):
    answers = []
    page.on("response", lambda one: "/series/" in one.url and answers.append(one))
    open_history(page, measured)

    page.get_by_role("link", name=span, exact=True).click()
    page.wait_for_selector(READY)

    width = canvas_of(page).evaluate("canvas => canvas.clientWidth") - GUTTER
    for answer in answers:
        # Twice the view, so that moving a little needs nothing new.
        assert int(parse_qs(urlsplit(answer.url).query)["points"][0]) <= 2 * width + 2
        assert len(answer.json()["points"]) <= 2 * width + 2


def test_old_picture_is_shown_scaled_until_the_new_one_comes(page, measured, complaints):
    complaints.forgive("willReadFrequently")
    open_history(page, measured)
    held = []
    page.route("**/series/**", lambda route: held.append(route))  # noqa: PLW0108 - it marks what it is given
    canvas = canvas_of(page)
    before = canvas.evaluate(PICTURE)
    width = canvas.evaluate("canvas => canvas.clientWidth") - GUTTER

    page.get_by_role("link", name="All", exact=True).click()

    page.wait_for_selector('[data-surface][aria-busy="true"]')
    scaled = canvas.evaluate(PICTURE)
    assert scaled != before
    # The day that was shown takes the right half now.
    assert canvas.evaluate(COLOURED, GUTTER + width * 0.75) > 0
    for route in held:
        route.continue_()
    page.unroute("**/series/**")
    page.wait_for_selector(READY)
    assert canvas.evaluate(PICTURE) != scaled
    assert canvas.evaluate(COLOURED, GUTTER + width * 0.1) > 0


def test_what_was_seen_is_not_asked_for_again(page, measured):
    now = datetime.now(UTC)
    start, end = (f"{now - timedelta(hours=ago):%Y-%m-%dT%H:%M:%SZ}" for ago in (30, 20))
    open_history(page, measured, start=start, end=end)
    asked = []
    page.on("request", lambda one: "/series/" in one.url and asked.append(one.url))
    surface = page.locator("[data-surface]")
    surface.focus()
    before = page.url

    for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    wait_for_address(page, before)

    assert asked == []


def test_gap_stays_a_gap(page, device, complaints):
    complaints.forgive("willReadFrequently")
    post_days(device, gap=(16, 8))
    open_history(page, device)
    canvas = canvas_of(page)
    width = canvas.evaluate("canvas => canvas.clientWidth") - GUTTER

    coloured = [canvas.evaluate(COLOURED, GUTTER + width * part) for part in (0.2, 0.5, 0.8)]

    assert coloured[0] > 0
    assert coloured[1] == 0
    assert coloured[2] > 0


def test_legend_shows_and_hides_devices(page, server, measured):
    other = server.add_device("Second in the legend", "ada")
    post_days(other, power=2000.0)
    open_history(page, measured)
    alone = canvas_of(page).evaluate(PICTURE)
    chip = page.get_by_role("checkbox", name="Second in the legend")
    before = page.url

    chip.check(force=True)
    wait_for_address(page, before)

    assert address_of(page)["device"] == [str(measured.id), str(other.id)]
    assert canvas_of(page).evaluate(PICTURE) != alone
    page.mouse.move(*middle_of(page))
    expect(page.locator("[data-readout]")).to_contain_text("Second in the legend")
    page.reload()
    page.wait_for_selector(READY)
    expect(chip).to_be_checked()
    before = page.url
    chip.focus()
    page.keyboard.press("Space")
    wait_for_address(page, before)
    assert address_of(page)["device"] == [str(measured.id)]
    last = page.locator(f"input[name=device][value='{measured.id}']")
    last.focus()
    page.keyboard.press("Space")
    expect(last).to_be_checked()


def test_each_value_has_a_panel_on_the_same_time(page, measured):
    open_history(page, measured)
    before = page.url

    page.get_by_role("checkbox", name="Voltage").check(force=True)
    wait_for_address(page, before)

    expect(canvas_of(page, "power")).to_be_visible()
    expect(canvas_of(page, "voltage")).to_be_visible()
    expect(canvas_of(page, "current")).to_be_hidden()
    assert address_of(page)["metric"] == ["power", "voltage"]
    page.mouse.move(*middle_of(page))
    expect(page.locator("[data-readout]")).to_contain_text("230.5 V")


def test_dates_can_be_typed(page, measured):
    open_history(page, measured)
    page.locator("summary", has=page.locator("[data-range]")).click()

    page.get_by_label("From", exact=True).fill("2026-03-10T13:00:00")
    page.get_by_label("To", exact=True).fill("2026-03-10T14:30:00")
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page.locator("[data-range]")).to_have_text("10 Mar 2026, 13:00 – 14:30")
    page.wait_for_selector(READY)
    expect(page.get_by_text("Nothing was measured in this time").first).to_be_visible()


def test_csv_is_of_what_is_shown(page, measured):
    open_history(page, measured)
    before = page.url
    page.get_by_role("link", name="1 h", exact=True).click()
    wait_for_address(page, before)
    page.get_by_label("Download as CSV").click()

    with page.expect_download() as started:
        page.get_by_role("link", name="Every reading").click()

    lines = started.value.path().read_text().splitlines()
    assert lines[0].startswith("timestamp,")
    assert 28 <= len(lines) - 1 <= 31


def test_figures_follow_the_view(page, measured):
    open_history(page, measured)
    toggle = page.get_by_role("button", name="Show figures")
    rows = page.locator("[data-tables] tbody tr")

    toggle.click()
    expect(rows.first).to_be_visible()
    day = rows.first.inner_text()
    page.get_by_role("link", name="1 h", exact=True).click()

    expect(rows.first).not_to_have_text(re.compile(re.escape(day.split("\t")[0])))
    assert 20 <= rows.count() <= 60
    page.get_by_role("button", name="Hide figures").click()
    expect(rows.first).to_be_hidden()


def test_lost_connection_is_told_and_mended(page, measured, complaints):
    complaints.forgive("Failed to load resource")
    complaints.forgive("net::ERR")
    open_history(page, measured)
    page.route("**/series/**", lambda route: route.abort())

    page.get_by_role("link", name="All", exact=True).click()

    state = page.locator("[data-surface] ~ p [data-state]")
    expect(state).to_have_text("Connection lost, retrying…")
    page.unroute("**/series/**")
    page.clock.fast_forward(4_000)
    page.wait_for_selector(READY)
    expect(state).to_be_empty()


def test_new_readings_appear_by_themselves(page, device):
    post_days(device, days=0.2)
    open_history(page, device)
    page.get_by_role("link", name="1 h", exact=True).click()
    page.wait_for_selector(READY)
    before = canvas_of(page).evaluate(PICTURE)
    device.post(power=9000.0, energy=900.5)

    page.clock.fast_forward(20_000)

    page.wait_for_function(
        "before => document.querySelector('[data-panel=power] canvas').toDataURL() !== before",
        arg=before,
    )


def test_page_is_useful_without_scripts(open_page, server, login_state, measured):
    page = open_page(server.address, storage_state=login_state, java_script_enabled=False)

    page.goto(f"/history/?device={measured.id}")

    expect(page.get_by_role("table")).to_be_visible()
    expect(page.locator("canvas").first).to_be_hidden()
    expect(page.get_by_role("button", name="Show figures")).to_be_hidden()
    page.get_by_role("checkbox", name="Voltage").check()
    page.get_by_role("button", name="Show", exact=True).last.click()
    expect(page.get_by_role("table")).to_have_count(2)
    page.get_by_role("link", name="7 d", exact=True).click()
    expect(page.get_by_role("table")).to_have_count(2)


@pytest.mark.parametrize("width", [360, 768])
def test_page_fits_and_nothing_moves_when_data_arrive(
    width, open_page, server, login_state, measured
):
    page = open_page(
        server.address, storage_state=login_state, viewport={"width": width, "height": 740}
    )
    page.add_init_script(
        "window.shifts = []; new PerformanceObserver((list) => window.shifts.push("
        "...list.getEntries().filter((one) => !one.hadRecentInput))).observe("
        "{type: 'layout-shift', buffered: true})"
    )
    open_history(page, measured)
    page.get_by_role("link", name="1 h", exact=True).click()
    page.wait_for_selector(READY)

    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    assert page.evaluate("window.shifts.reduce((sum, one) => sum + one.value, 0)") < 0.01


def test_script_is_small(page, measured):
    sizes = []
    page.on(
        "requestfinished",
        lambda one: one.resource_type == "script" and sizes.append(one.sizes()["responseBodySize"]),
    )

    page.goto(f"/history/?device={measured.id}", wait_until="networkidle")

    assert 0 < sum(sizes) <= 20 * 1024


def test_whoever_is_logged_out_gets_the_login(page, measured, server, complaints):
    complaints.forgive("401")
    open_history(page, measured)
    page.context.clear_cookies()

    page.get_by_role("link", name="All", exact=True).click()

    page.wait_for_url("**/login/?next=%2Fhistory%2F**")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(READY)
