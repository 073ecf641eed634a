"""The history page: what it draws, its choices, its files and figures, its connection."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from e2e.curves import (
    COLOURED,
    GUTTER,
    PICTURE,
    READY,
    address_of,
    canvas_of,
    middle_of,
    open_history,
    post_days,
    wait_for_address,
)
from e2e.running import PASSWORD


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


def test_csv_is_of_what_is_shown(page, device):
    post_days(device, days=0.2)
    open_history(page, device)
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


def test_large_file_is_ordered_and_fetched_when_it_is_ready(page, measured):
    page.goto("/history/")
    page.locator("summary[aria-label='Download as CSV']").click()
    page.get_by_role("link", name="Large files …").click()
    page.get_by_label("Of", exact=True).select_option("Measured")
    page.get_by_label("As", exact=True).select_option("NDJSON")
    page.get_by_role("button", name="Prepare").click()
    expect(page.get_by_text("The file is being prepared.")).to_be_visible()

    link = page.get_by_role("link", name="Download Measured")
    # Nobody reloads: the page asks, and the server looks every ten seconds what it is to make.
    expect(link).to_be_visible(timeout=90_000)
    with page.expect_download() as found:
        link.click()

    packed = Path(found.value.path()).read_bytes()
    lines = [json.loads(line) for line in gzip.decompress(packed).decode().splitlines()]
    assert len(lines) > 1000
    assert lines[0]["power"] > 0
    assert found.value.suggested_filename.startswith("measured-readings-to-")
