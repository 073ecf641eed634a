"""Pages as a person meets them: charts, tables, themes, small screens, keyboard, no script."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import PASSWORD, READING

PIXELS = 'canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data'


def post_two_days(device):
    """Post a reading every ten minutes from two days ago to now, 0.1 kWh apart."""
    start = datetime.now(UTC) - timedelta(days=2)
    device.post(
        *(
            {
                **READING,
                "energy": 100 + step / 10,
                "timestamp": (start + timedelta(minutes=10 * step)).isoformat(),
            }
            for step in range(2 * 144 + 1)
        )
    )


def wait_until_drawn(page, canvas):
    """Wait for a chart's first picture, which is drawn with the browser's next frame."""
    page.wait_for_function(
        f"canvas => {PIXELS}.some(byte => byte !== 0)", arg=canvas.element_handle()
    )


def overflow(page):
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


@pytest.mark.parametrize(("chart", "rows"), [("hourly", None), ("weekly", 7)])
def test_chart_has_a_table_with_the_same_figures(chart, rows, page, device):
    post_two_days(device)
    page.goto(device.page)
    card = page.locator(f"[data-bars={chart}]")
    figures = page.request.get(f"/api/dashboard/{device.id}/").json()[f"{chart}_consumption"]
    expect(card.locator("canvas")).to_be_visible()
    wait_until_drawn(page, card.locator("canvas"))
    toggle = card.get_by_role("button", name="Show figures")

    toggle.click()

    expect(card.get_by_role("button", name="Hide figures")).to_have_attribute(
        "aria-expanded", "true"
    )
    expect(card.locator("tbody tr")).to_have_count(rows or len(figures))
    shown = [float(text) for text in card.locator("tbody td").all_inner_texts()]
    assert shown == [row["consumption"] for row in figures]
    assert sum(shown) > 0
    card.get_by_role("button", name="Hide figures").click()
    expect(card.locator("[data-figures]")).to_have_class(re.compile("sr-only"))


def test_chart_says_a_bar_under_the_pointer(page, device):
    post_two_days(device)
    page.goto(device.page)
    canvas = page.locator("[data-bars=weekly] canvas")
    before = canvas.screenshot()

    canvas.hover()

    page.clock.run_for(1_000)
    assert canvas.screenshot() != before


def test_theme_goes_round_and_is_remembered(page, device):
    page.emulate_media(color_scheme="light")
    page.goto(device.page)
    root = page.locator("html")
    light = background(page)

    page.get_by_role("button", name="Theme: system").click()
    expect(root).to_have_attribute("data-theme", "light")
    assert background(page) == light
    page.get_by_role("button", name="Theme: light").click()
    expect(root).to_have_attribute("data-theme", "dark")
    dark = background(page)
    assert dark != light

    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")
    assert background(page) == dark
    page.get_by_role("button", name="Theme: dark").click()
    page.reload()
    expect(page.get_by_role("button", name="Theme: system")).to_be_visible()
    assert background(page) == light


def test_theme_follows_the_system(page, device):
    page.emulate_media(color_scheme="light")
    page.goto(device.page)
    light = background(page)

    page.emulate_media(color_scheme="dark")

    assert background(page) != light


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_scrolls_sideways(width, open_page, server, login_state):
    device = server.add_device("A device with a name that is long and goes on " * 2, "ada")
    device.post(current=99.99, power=23000.0, energy=9999.99)
    page = open_page(
        server.address, storage_state=login_state, viewport={"width": width, "height": 740}
    )
    edit = f"{device.page}edit/"

    for address in (device.page, edit, "/devices/", "/devices/add/", "/settings/", "/password/"):
        page.goto(address)
        assert (address, overflow(page)) == (address, 0)
    page.goto(f"{device.page}key/")
    assert overflow(page) == 0
    page.goto(device.page)
    for chart in ("hourly", "weekly"):
        page.locator(f"[data-bars={chart}] [data-figures-toggle]").click()
    assert overflow(page) == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_before_the_login_do_not_scroll_sideways(width, open_page, server, complaints):
    page = open_page(server.address, viewport={"width": width, "height": 740})

    for address in ("/login/", "/register/", "/no/such/page/"):
        page.goto(address)
        assert (address, overflow(page)) == (address, 0)
    complaints.forgive("403")
    complaints.forgive("404")


def test_devices_are_switched_by_keyboard(page, device, server):
    other = server.add_device("Switched to", "ada")
    page.goto(device.page)
    switcher = page.get_by_role("heading", level=1)
    link = page.get_by_role("link", name="Switched to")
    page.locator("summary", has=switcher).focus()

    page.keyboard.press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(page.locator("summary", has=switcher)).to_be_focused()
    page.keyboard.press("Enter")
    link.focus()
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{other.page}")


def test_menu_closes_by_a_click_elsewhere(page, device):
    page.goto(device.page)
    page.get_by_text("ada", exact=True).first.click()
    log_out = page.get_by_role("button", name="Log out")
    expect(log_out).to_be_visible()

    page.get_by_role("heading", name="Open alerts").click()

    expect(log_out).to_be_hidden()


def test_page_is_useful_without_scripts(open_page, server, login_state, device):
    post_two_days(device)
    device.post(power=540.7, energy=200)
    page = open_page(server.address, storage_state=login_state, java_script_enabled=False)

    page.goto(device.page)

    expect(page.locator("[data-tile=power]")).to_have_text("540.7")
    expect(page.get_by_text("Online", exact=True)).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(2)
    assert page.locator("[data-bars=weekly] table").bounding_box()["height"] > 100
    expect(page.locator("canvas").first).to_be_hidden()
    expect(page.get_by_role("button", name="Show figures").first).to_be_hidden()


def test_admin_and_docs_work_under_the_policy(open_page, server, login_state):
    page = open_page(server.address, storage_state=login_state)

    page.goto("/api/docs/")

    expect(page.get_by_role("heading", name=re.compile("Wattkeep API"))).to_be_visible()


def test_scripts_and_styles_stay_small(page, device):
    sizes = {"script": 0, "stylesheet": 0}

    def weigh(request):
        if request.resource_type in sizes:
            sizes[request.resource_type] += request.sizes()["responseBodySize"]

    page.on("requestfinished", weigh)
    page.goto(device.page, wait_until="networkidle")

    assert 0 < sizes["script"] <= 100 * 1024
    assert 0 < sizes["stylesheet"] <= 15 * 1024


def log_in(page, name):
    page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)


WITHOUT_DEVICE = {
    "/": "No device yet",
    "/devices/": "No device yet",
    "/energy/": "No device yet",
    "/history/": "No device yet",
    "/insights/": "No device yet",
    "/alerts/": "Nothing needs your attention.",
    "/alerts/rules/": "Rules come with the first device.",
    "/alerts/channels/": "A channel is where you are told of incidents.",
    "/alerts/reports/": "To get it every week or month,",
}
WITHOUT_READING = {
    "/": "Nothing received yet",
    "{page}": "Connect it",
    "{page}check/": "Nothing wrong so far, but not everything can be told yet.",
    "{page}corrections/": "Times are those of Asia/Kolkata.",
    "/energy/": "Connect Cellar, and its bars appear here within a minute.",
    "/history/": "Nothing was measured in this time",
    "/insights/": "This takes 3 full days. There are 0 so far.",
    "/insights/voltage/": "No readings in these days",
    "/alerts/": "Nobody is told of incidents yet: there is no channel.",
    "/alerts/rules/": "Every new device starts with these",
}


def test_empty_pages_say_what_to_do_next(open_page, server):
    server.add_user("eve")
    page = open_page(server.address, viewport={"width": 360, "height": 740})
    log_in(page, "eve")

    for address, words in WITHOUT_DEVICE.items():
        page.goto(address)
        expect(page.get_by_text(words).first).to_be_visible()
        assert (address, overflow(page)) == (address, 0)
    page.goto("/energy/")
    page.get_by_role("link", name="Add a device").click()
    page.get_by_label("Name").fill("Cellar")
    page.get_by_role("button", name="Add device").click()
    page.wait_for_url("**/key/")
    own = page.url.removeprefix(server.address).removesuffix("key/")
    page.goto("/settings/")
    page.get_by_label("Time zone").fill("Asia/Kolkata")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Settings are saved.")).to_be_visible()
    for address, words in WITHOUT_READING.items():
        page.goto(address.format(page=own))
        expect(page.get_by_text(words).first).to_be_visible()
        assert (address, overflow(page)) == (address, 0)

    page.goto("/energy/")
    page.get_by_role("link", name="How to connect it").click()

    expect(page.get_by_role("heading", name="Connect it")).to_be_visible()


def test_missing_page_leads_to_the_start(page, device, complaints):
    complaints.forgive("404")
    page.goto("/no/such/page/")

    page.get_by_role("link", name="Go to the start page").click()

    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
