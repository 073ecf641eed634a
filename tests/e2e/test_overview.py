"""The start page: a site's devices, what they draw together, and what no sub-meter tells of."""

import re

import pytest
from playwright.sync_api import expect

from e2e.conftest import PATIENCE_MS
from e2e.running import PASSWORD, READING, Running

SOCKET = re.compile("/ws/live/")
DEVICES = re.compile("/api/v1/devices/$")


@pytest.fixture(scope="module")
def home(chromium, tmp_path_factory):
    """Return a server of somebody's own with a house, three meters behind it and six flats."""
    running = Running(tmp_path_factory.mktemp("overview"))
    running.add_user("bea")
    names = ["House", "Heat pump", "Car", "Oven", *(f"Flat {number}" for number in range(1, 7))]
    running.devices = {name: running.add_device(name, "bea") for name in names}
    yield running
    running.stop()


@pytest.fixture(scope="module")
def bea(chromium, home, tmp_path_factory):
    path = tmp_path_factory.mktemp("login") / "state.json"
    context = chromium.new_context(base_url=home.address)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("Username").fill("bea")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    house = home.devices["House"].id
    for name in ("Heat pump", "Car", "Oven"):
        page.evaluate(
            """async ([device, parent]) => {
                const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
                const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
                const body = JSON.stringify({ parent });
                await fetch(`/api/v1/devices/${device}/`, { method: "PATCH", headers, body });
            }""",
            [home.devices[name].id, house],
        )
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def page(open_page, home, bea):
    opened = open_page(home.address, storage_state=bea)
    opened.clock.install()
    return opened


def post_all(home, **powers):
    for name, device in home.devices.items():
        assert device.post(power=powers.get(name.partition(" ")[0], 10.0)) == 201


def line(page, home, name):
    return page.locator(f"[data-device='{home.devices[name].id}']")


def rest(page, home, name="House"):
    return page.locator(f"[data-rest='{home.devices[name].id}']")


def test_sums_and_rest_follow_the_readings(page, home):
    post_all(home, House=1000.0, Heat=400.0, Car=0.0, Oven=100.0)
    page.goto("/")
    expect(page.locator("[data-total]")).to_have_text("1,060")  # the house and six flats
    expect(rest(page, home).locator("[data-power]")).to_have_text("500.0")

    home.devices["House"].post(power=900.0)

    expect(page.locator("[data-total]")).to_have_text("960.0")
    expect(line(page, home, "House").locator("[data-power]")).to_have_text("900.0")
    expect(rest(page, home).locator("[data-power]")).to_have_text("400.0")

    home.devices["Heat pump"].post(power=850.0)

    expect(rest(page, home)).to_contain_text("The sub-meters show more than House")
    expect(rest(page, home).locator("[data-power]")).to_have_text("-50.0")


def test_energy_of_today_and_the_month_is_the_api_s_and_moves_on(page, home):
    shed = home.add_device("Shed", "bea")
    shed.post({**READING, "power": 0.0, "energy": 4.0, "age_s": 1200})
    page.goto("/")
    site = page.locator("[data-overview]").get_attribute("data-site")
    cells = page.locator(f"[data-device='{shed.id}']")
    expect(cells.locator("[data-month]")).to_have_text("0.0")
    shed.post(power=0.0, energy=6.5)

    with page.expect_response(re.compile("/overview/")):
        page.clock.run_for(61_000)

    answer = page.request.get(f"/api/v1/sites/{site}/overview/").json()
    found = next(one for one in answer["devices"] if one["id"] == shed.id)
    assert found["month"] is not None
    expect(cells.locator("[data-month]")).to_have_text(f"{found['month']:.1f}")
    expect(cells.locator("[data-today]")).to_have_text(f"{found['today']:.2f}")
    total = page.get_by_role("region", name="Home together")
    expect(total.locator("[data-month]")).to_have_text(f"{answer['month']:.2f}")


def test_asking_takes_over_where_there_is_no_socket(page, home):
    page.route_web_socket(SOCKET, lambda socket: socket.close())
    post_all(home, House=1000.0)
    page.goto("/")
    power = line(page, home, "House").locator("[data-power]")
    expect(power).to_have_text("1,000")

    home.devices["House"].post(power=700.0)
    page.wait_for_timeout(50)
    # A value of the same seconds may have come by the socket; answers wait that out.
    for _ in range(4):
        with page.expect_response(DEVICES):
            page.clock.run_for(5_100)

    expect(power).to_have_text("700.0")


def test_lines_are_found_and_sorted_by_keyboard(page, home):
    post_all(home, House=1000.0, Heat=400.0, Car=3.0, Oven=200.0)
    page.goto("/")
    names = page.locator("tr[data-device]:visible .name")
    expect(names.first).to_have_text("House")
    assert names.all_inner_texts()[1:4] == ["Car", "Heat pump", "Oven"]

    page.keyboard.press("/")
    page.keyboard.type("flat 3")
    expect(names).to_have_text(["Flat 3"])
    expect(page.locator("[data-found]")).to_have_text("1 found")
    page.keyboard.press("Control+a")
    page.keyboard.type("nowhere")
    expect(page.get_by_text("No device of that name or place")).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.get_by_label("Sort by").select_option("power")

    assert names.all_inner_texts()[:3] == ["House", "Heat pump", "Oven"]
    expect(rest(page, home)).to_be_hidden()
    page.get_by_label("Sort by").select_option("")
    expect(rest(page, home)).to_be_visible()

    names.first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="House")).to_be_visible()


def test_arriving_data_moves_nothing(page, home):
    post_all(home, House=540.7)
    page.goto("/")
    page.evaluate(
        """() => {
            window.moved = 0;
            const add = (entry) => (window.moved += entry.value);
            const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
            observer.observe({ type: "layout-shift", buffered: true });
        }"""
    )

    home.devices["House"].post(power=2345.6)
    expect(line(page, home, "House").locator("[data-power]")).to_have_text("2,346")
    with page.expect_response(re.compile("/overview/")):
        page.clock.fast_forward(61_000)
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.moved") == 0


@pytest.mark.parametrize(("locale", "today"), [("en-GB", "Today"), ("de-DE", "Heute")])
def test_narrow_page_has_no_sideways_scroll_and_keeps_every_figure(
    locale, today, open_page, home, bea
):
    post_all(home, House=1000.0)
    page = open_page(
        home.address, storage_state=bea, locale=locale, viewport={"width": 360, "height": 740}
    )
    page.goto("/")

    expect(page.locator("[data-total]")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for name in ("[data-power]", "[data-today]", "[data-month]"):
        expect(line(page, home, "Heat pump").locator(name)).to_be_visible()
    # There is no head on a narrow page: each figure says itself what it is.
    words = "one => getComputedStyle(one, '::before').content"
    cell = line(page, home, "Heat pump").locator("td", has=page.locator("[data-today]"))
    assert cell.evaluate(words).startswith(f'"{today} "')


def test_page_without_scripts_tells_the_same(open_page, home, bea):
    post_all(home, House=1000.0, Heat=400.0, Car=0.0, Oven=100.0)
    page = open_page(home.address, storage_state=bea, java_script_enabled=False)
    page.goto("/")

    expect(page.locator("[data-total]")).to_have_text("1,060")
    expect(rest(page, home).locator("[data-power]")).to_have_text("500.0")
    expect(page.get_by_label("Sort by")).to_be_hidden()


def test_ended_session_leads_to_login(page, home, complaints):
    complaints.forgive("401")
    page.route_web_socket(SOCKET, lambda socket: socket.close())
    page.goto("/")

    page.context.clear_cookies()
    page.clock.fast_forward(6_000)

    page.wait_for_url("**/login/?next=%2F")
