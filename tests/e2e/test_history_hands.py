"""The history page under hands: wheel, drag, pinch, keys, pointer."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.curves import (
    GUTTER,
    PICTURE,
    READY,
    address_of,
    canvas_of,
    chart_of,
    middle_of,
    open_history,
    span_of,
    wait_for_address,
)


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

    def moved_s():
        end = datetime.fromisoformat(address_of(page)["end"][0])
        return (datetime.now(UTC) - end).total_seconds()

    # The address follows the last step of the hand when it comes to it.
    quarter = pytest.approx(86_400 / 4, abs=120)
    for _ in range(300):
        if moved_s() == quarter:
            break
        page.wait_for_timeout(100)
    assert moved_s() == quarter
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
