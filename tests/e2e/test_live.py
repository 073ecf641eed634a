"""What happens on a device's page while it is open."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import READING

SOCKET = re.compile("/ws/live/")
REALTIME = re.compile("/api/realtime/")
DASHBOARD = re.compile("/api/dashboard/")
POLL_MS = 6_000
MINUTE_MS = 61_000


def mark(page):
    """Leave a mark that a reload would wipe."""
    page.evaluate("document.body.dataset.mark = 'here'")


def assert_not_reloaded(page):
    assert page.evaluate("document.body.dataset.mark") == "here"


def answer_with(page, pattern, **changes):
    """Let the server's answers through with some values changed."""

    def change(route):
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **changes})

    page.route(pattern, change)


def cut(page):
    """Let no live connection of the page come about: it has to ask."""
    page.route_web_socket(SOCKET, lambda socket: socket.close())


def count_requests(page, pattern):
    seen = []
    page.on("request", lambda request: pattern.search(request.url) and seen.append(request.url))
    return seen


def test_tiles_follow_the_readings(page, device):
    device.post(power=540.7)
    page.goto(device.page)
    power = page.locator("[data-tile=power]")
    expect(power).to_have_text("540.7")
    mark(page)

    device.post(voltage=228.1, current=10.5, power=2345.6, energy=13, power_factor=0.9)

    expect(power).to_have_text("2,346")
    tiles = page.locator("[data-tile]")
    assert dict(
        zip(
            tiles.evaluate_all("tiles => tiles.map(tile => tile.dataset.tile)"),
            tiles.all_inner_texts(),
            strict=True,
        )
    ) == {
        "power": "2,346",
        "voltage": "228.1",
        "current": "10.50",
        "power_factor": "0.90",
        "frequency": "50.0",
        "energy": "13.00",
    }
    assert_not_reloaded(page)


def test_age_of_the_last_reading_grows(page, device):
    cut(page)
    device.post()
    page.goto(device.page)
    page.route(REALTIME, lambda _route: None)  # no answer comes
    age = page.locator("[data-reading-time]")
    expect(age).to_have_text(re.compile(r"just now|\d s ago"))

    page.clock.fast_forward(125_000)

    expect(age).to_have_text("2 min ago")
    expect(age).to_have_attribute("title", re.compile(r"^\d+ \w{3} 20\d\d, \d\d:\d\d:\d\d$"))


def test_first_reading_fills_the_page(page, device):
    page.goto(device.page)
    expect(page.get_by_role("heading", name="Connect it")).to_be_visible()
    expect(page.locator("[data-tile=power]")).to_have_text("–")

    device.post()

    expect(page.locator("[data-tile=power]")).to_have_text("540.7")
    expect(page.get_by_role("heading", name="Connect it")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Online")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("silent", "Meter silent: the board talks, the meter does not answer"),
        ("offline", "Offline"),
    ],
)
def test_state_changes_in_words(status, words, page, device):
    cut(page)
    device.post()
    page.goto(device.page)
    expect(page.get_by_text("Online", exact=True)).to_be_visible()
    expect(page.locator("[data-live]")).not_to_have_attribute("data-stale", "")

    answer_with(page, REALTIME, status=status, is_online=False)
    answer_with(page, DASHBOARD, status=status, is_online=False)
    page.clock.fast_forward(POLL_MS)

    expect(page.get_by_text(words, exact=True)).to_be_visible()
    expect(page.get_by_text("Online", exact=True)).to_be_hidden()
    expect(page.locator("[data-live]")).to_have_attribute("data-stale", "")
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")


def test_silent_meter_is_told_by_the_server(page, device):
    cut(page)
    assert device.post(voltage=0, current=0, power=283.9, frequency=50, power_factor=0) == 400

    page.goto(device.page)

    words = page.get_by_text("the board talks, the meter does not answer")
    expect(words).to_be_visible()
    with page.expect_response(DASHBOARD):  # there is nothing yet at the other address
        page.clock.run_for(POLL_MS)
    expect(words).to_be_visible()


def test_alert_appears_and_goes(page, device):
    device.post(age_s=60)
    page.goto(device.page)
    expect(page.get_by_text("Nothing needs your attention.")).to_be_visible()

    # Over the limit for longer than the rule's hold.
    device.post(current=27, power=6100.0, age_s=40)
    device.post(current=27, power=6100.0)

    link = page.get_by_role("link", name="Open alerts: 1")
    expect(link).to_be_visible()
    expect(page.locator("[data-alert]")).to_have_count(1)
    expect(page.locator("[data-alert]")).to_contain_text("6,100")
    expect(page.get_by_text("Nothing needs your attention.")).to_be_hidden()

    # It ends when the recovery's hold is over, which is too long to wait for.
    answer_with(page, DASHBOARD, alerts=[])
    page.clock.fast_forward(MINUTE_MS)

    expect(page.locator("[data-alert]")).to_have_count(0)
    expect(link).to_be_hidden()


def test_lost_server_is_told_and_values_stay(page, device, complaints):
    cut(page)
    device.post()
    page.goto(device.page)
    lost = page.get_by_text("Connection lost, retrying…")
    expect(lost).to_be_hidden()

    page.context.set_offline(True)
    page.clock.fast_forward(POLL_MS)
    expect(lost).to_be_visible()
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")

    page.context.set_offline(False)
    device.post(power=777.7)
    page.clock.fast_forward(POLL_MS)
    expect(lost).to_be_hidden()
    expect(page.locator("[data-tile=power]")).to_have_text("777.7")
    complaints.forgive("Failed to load resource")


def test_server_error_is_a_lost_connection(page, device, complaints):
    cut(page)
    device.post()
    page.goto(device.page)

    page.route(REALTIME, lambda route: route.fulfill(status=503, json={"error": "busy"}))
    page.clock.fast_forward(POLL_MS)

    expect(page.get_by_text("Connection lost, retrying…")).to_be_visible()
    complaints.forgive("Failed to load resource")


def test_ended_session_leads_to_login_and_back(page, device, complaints):
    cut(page)
    device.post()
    page.goto(device.page)

    page.context.clear_cookies()
    page.clock.fast_forward(POLL_MS)

    page.wait_for_url(f"**/login/?next={device.page.replace('/', '%2F')}")
    complaints.forgive("401")


def test_hidden_page_asks_less_and_catches_up(page, device):
    cut(page)
    device.post(power=540.7)
    page.goto(device.page)
    seen = count_requests(page, REALTIME)

    set_hidden(page, is_hidden=True)
    for _ in range(4):
        page.clock.run_for(5_000)
    assert seen == []
    with page.expect_request(REALTIME):
        page.clock.run_for(11_000)
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")

    device.post(power=111.1)
    with page.expect_response(REALTIME):
        set_hidden(page, is_hidden=False)
    expect(page.locator("[data-tile=power]")).to_have_text("111.1")


def set_hidden(page, *, is_hidden):
    page.evaluate(
        """isHidden => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_new_hour_fetches_the_charts(page, device):
    cut(page)
    device.post()
    page.clock.set_fixed_time("2026-01-01T00:00:00Z")
    page.goto(device.page)
    seen = count_requests(page, DASHBOARD)
    with page.expect_response(REALTIME):
        page.clock.run_for(5_000)

    # The page goes by the server's clock: from there to the next full hour.
    left_ms = page.evaluate("3600000 - Date.parse(document.documentElement.dataset.now) % 3600000")
    page.clock.set_fixed_time(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=left_ms))
    with page.expect_request(DASHBOARD):
        page.clock.run_for(5_000)

    assert len(seen) == 1


OBSERVE_SHIFTS = """() => {
    window.moved = 0;
    const add = (entry) => (window.moved += entry.value);
    const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
    observer.observe({ type: "layout-shift", buffered: true });
}"""


@pytest.mark.parametrize("way", ["socket", "poll"])
def test_arriving_data_moves_nothing(way, page, device):
    if way == "poll":
        cut(page)
    device.post(power=540.7)
    page.goto(device.page)
    page.evaluate(OBSERVE_SHIFTS)

    device.post(power=612.3, voltage=229.9, current=2.7, energy=12.499)
    page.clock.fast_forward(POLL_MS)
    expect(page.locator("[data-tile=power]")).to_have_text("612.3")
    with page.expect_response(DASHBOARD):
        page.clock.fast_forward(MINUTE_MS)
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.moved") == 0


def test_longer_numbers_leave_the_page_as_it_is(page, device):
    device.post(power=5.1, current=0.05)
    page.goto(device.page)
    boxes = """Array.from(
        document.querySelectorAll("section, h2, dt"),
        (element) => element.getBoundingClientRect().toJSON(),
    )"""
    before = page.evaluate(boxes)

    device.post(power=12345.6, current=53.7, energy=98765.4)
    expect(page.locator("[data-tile=power]")).to_have_text("12,346")

    assert page.evaluate(boxes) == before


def test_day_the_clock_goes_back_has_25_bars(page, device):
    device.post()
    page.goto(device.page)
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)  # the home is in Paris
    hours = [
        {"hour": 0, "start": (midnight + timedelta(hours=n)).isoformat(), "consumption": n / 10}
        for n in range(25)
    ]

    answer_with(page, DASHBOARD, hourly_consumption=hours, site_date="2026-10-25")
    page.clock.fast_forward(MINUTE_MS)

    rows = page.locator("[data-bars=hourly] tbody tr")
    expect(rows).to_have_count(25)
    assert rows.locator("th").all_inner_texts()[1:5] == [
        "01:00",
        "02:00 GMT+2",
        "02:00 GMT+1",
        "03:00",
    ]


class Gate:
    """Stands between a page and its live connection, to be cut and mended."""

    def __init__(self, page):
        self.is_open = True
        self.opened = 0
        self._sockets = []
        page.route_web_socket(SOCKET, self._pass)

    def _pass(self, socket):
        if not self.is_open:
            socket.close()
            return
        self.opened += 1
        self._sockets.append(socket)
        socket.connect_to_server()

    def cut(self):
        self.is_open = False
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()


def wait_for(page, condition):
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come about")


def test_asking_takes_over_where_the_socket_is_cut_and_ends_when_it_is_back(
    page, device, complaints
):
    complaints.forgive("WebSocket")
    gate = Gate(page)
    device.post(power=540.7)
    page.goto(device.page)
    power = page.locator("[data-tile=power]")
    asked = count_requests(page, REALTIME)
    device.post(power=541.1)
    expect(power).to_have_text("541.1")
    page.clock.run_for(10_000)
    assert asked == []

    with page.expect_response(REALTIME):  # at once
        gate.cut()
    device.post(power=542.2)
    with page.expect_response(REALTIME):
        page.clock.run_for(5_100)
    expect(power).to_have_text("542.2")
    expect(page.get_by_text("Connection lost, retrying…")).to_be_hidden()

    gate.is_open = True
    for _ in range(60):
        page.clock.run_for(1_000)
        page.wait_for_timeout(200)
        if gate.opened > 1:
            break
    device.post(power=543.3)
    expect(power).to_have_text("543.3")
    count = len(asked)
    page.clock.run_for(5_000)
    device.post(power=544.4)
    expect(power).to_have_text("544.4")
    assert len(asked) == count


def test_connection_that_says_nothing_is_taken_for_dead(page, device):
    device.post(power=540.7)
    page.route_web_socket(SOCKET, lambda _socket: None)  # open, and mute
    page.goto(device.page)
    page.wait_for_load_state("networkidle")

    device.post(power=555.5)
    with page.expect_response(REALTIME):
        page.clock.run_for(13_000)

    expect(page.locator("[data-tile=power]")).to_have_text("555.5")


def test_each_reading_is_shown_once_and_no_older_one_replaces_it(page, device):
    device.post(power=540.7)
    page.goto(device.page)
    power = page.locator("[data-tile=power]")
    device.post(power=600.6)
    expect(power).to_have_text("600.6")
    page.evaluate(
        """() => {
            window.shown = [];
            const tile = document.querySelector("[data-tile=power]");
            new MutationObserver(() => window.shown.push(tile.textContent))
                .observe(tile, { childList: true });
        }"""
    )

    device.post({**READING, "power": 10.1, "age_s": 300})  # a backlog
    page.clock.fast_forward(MINUTE_MS)
    device.post(power=601.6)
    expect(power).to_have_text("601.6")

    assert page.evaluate("window.shown") == ["601.6"]


def test_hidden_page_lets_go_of_its_connection(page, device):
    gate = Gate(page)
    device.post()
    page.goto(device.page)
    device.post(power=111.1)
    expect(page.locator("[data-tile=power]")).to_have_text("111.1")
    seen = count_requests(page, REALTIME)

    set_hidden(page, is_hidden=True)
    page.clock.run_for(21_000)
    with page.expect_request(REALTIME):
        page.clock.run_for(31_000)
    assert len(seen) == 1

    set_hidden(page, is_hidden=False)
    wait_for(page, lambda: gate.opened == 2)
    device.post(power=222.2)
    expect(page.locator("[data-tile=power]")).to_have_text("222.2")


def test_device_that_is_back_is_online_at_once(page, server):
    device = server.add_device("quick one", "ada")
    device.post(power=50.0, age_s=100)
    page.goto(device.page)
    expect(page.get_by_text("Online", exact=True)).to_be_hidden()

    device.post(power=51.0)

    expect(page.get_by_text("Online", exact=True)).to_be_visible()
    expect(page.locator("[data-live]")).not_to_have_attribute("data-stale", "")


def test_extremes_of_today_widen_with_the_readings(page, device):
    device.post(voltage=230.0, power=500.0)
    page.goto(device.page)
    voltage = page.locator("[data-extremes=voltage]")
    expect(voltage.locator("[data-least]")).to_have_text("230.0")

    device.post(voltage=221.4, power=500.0)

    expect(voltage.locator("[data-least]")).to_have_text("221.4")
    expect(voltage.locator("[data-greatest]")).to_have_text("230.0")


def test_trend_shows_the_last_hour_and_grows(page, device):
    device.post(
        *({**READING, "power": 100.0 + age / 10, "age_s": age} for age in range(3000, 0, -30))
    )
    with page.expect_response(re.compile("/series/")):
        page.goto(device.page)
    line = page.locator("[data-trend] [data-line]")
    expect(line).to_have_attribute("d", re.compile("^M.*L.*L"))
    before = line.get_attribute("d").count("L")

    device.post(power=700.0)

    expect(page.locator("[data-trend-words]")).to_have_text("103 – 700 W")
    assert line.get_attribute("d").count("L") >= before


def test_list_of_devices_follows(page, device):
    page.goto("/devices/")
    row = page.locator(f"[data-device='{device.id}']")
    expect(row).to_contain_text("Nothing received yet")

    device.post(power=321.5)
    page.clock.fast_forward(11_000)

    expect(row).to_contain_text("Online")
    expect(row).to_contain_text("321.5")
