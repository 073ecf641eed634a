"""The device's page and its connection: socket cut and back, asking in its place, hidden tabs."""

from playwright.sync_api import expect

from e2e.running import READING
from e2e.watching import (
    MINUTE_MS,
    POLL_MS,
    REALTIME,
    SOCKET,
    Gate,
    count_requests,
    cut,
    set_hidden,
    wait_for,
)


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
