"""A device's life in a browser: put behind another, given a new meter, corrected, deleted."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import READING, Device


def post_last_days(device, kwh_a_day, *, days=2, power=500.0):
    """Post a reading every ten minutes of a steady use."""
    now = datetime.now(UTC)
    count = 144 * days
    readings = [
        {
            **READING,
            "power": power,
            "current": power / 230.5 / 0.98,
            "energy": round(100 - kwh_a_day * n / 144, 3),
            "timestamp": (now - timedelta(minutes=10 * n)).isoformat(),
        }
        for n in range(count, -1, -1)
    ]
    assert device.post(*readings) == 201


def wait_until_refused(page, device):
    """Wait until a device's key works no more: each process asks once a second."""
    for _ in range(100):
        if device.post(power=1.0) in {401, 403}:
            return
        page.wait_for_timeout(200)
    raise AssertionError("the old key still works")


def test_sub_meter_is_placed_and_what_is_left_is_shown(page, server):
    house, oven = (server.add_device(name, "ada") for name in ("Whole house", "Oven"))
    house.post(power=1000.0)
    oven.post(power=300.0)
    page.goto(f"{oven.page}edit/")

    page.get_by_label("Behind", exact=True).select_option(label="Whole house")
    page.get_by_role("button", name="Save").first.click()
    page.wait_for_url(f"**{oven.page}")
    page.goto("/")

    rest = page.locator(f"[data-rest='{house.id}']")
    expect(rest).to_contain_text("in Whole house, on no sub-meter")
    expect(rest.locator("[data-power]")).to_have_text("700.0")


def test_sub_meter_that_shows_more_than_its_parent_is_named(page, server):
    house, oven = (server.add_device(name, "ada") for name in ("Less", "More"))
    post_last_days(house, 2.0)
    post_last_days(oven, 6.0)
    page.goto(f"{oven.page}edit/")
    page.get_by_label("Behind", exact=True).select_option(label="Less")
    page.get_by_role("button", name="Save").first.click()
    page.wait_for_url(f"**{oven.page}")

    page.goto(f"{house.page}check/")

    expect(page.get_by_text("Sub-meters use no more than this one").first).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"sub-meters: [\d.]+ kWh; this one: [\d.]+ kWh"))
    ).to_be_visible()


def test_swap_shows_a_new_key_and_history_goes_on(page, device):
    post_last_days(device, 5.0)
    page.goto(f"{device.page}swap/")
    expect(page.get_by_text("The last that arrived is 100.000 kWh.")).to_be_visible()

    page.get_by_label("Last counter of the old meter").fill("100.2")
    page.get_by_label("First counter of the new meter").fill("0")
    page.get_by_label("Remark").fill("Thunderstorm")
    page.get_by_role("button", name="Note it, show the new key").click()

    key = page.locator("#key").inner_text()
    wait_until_refused(page, device)
    assert Device(device.address, device.id, key).post(power=640.0, energy=0.001) == 201
    page.goto(device.page)
    expect(page.locator("[data-tile=power]")).to_have_text("640.0")
    page.goto(f"/energy/?device={device.id}&span=day")
    expect(page.get_by_text("Meter or board was replaced").first).to_be_attached()


def test_correction_is_made_and_undone_on_its_own_page(page, device):
    post_last_days(device, 5.0)
    page.goto(f"{device.page}corrections/")
    day = (datetime.now(UTC) - timedelta(days=1)).date()

    page.get_by_label("From").fill(f"{day}T10:00")
    page.get_by_label("To", exact=True).fill(f"{day}T11:00")
    page.get_by_label("Used (kWh)").fill("0.25")
    page.get_by_label("Why").fill("Guests")
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.get_by_text("0.250 kWh · Guests")).to_be_visible()
    page.get_by_role("button", name="Undo the correction").click()

    expect(page.get_by_text("The correction is undone.")).to_be_visible()
    expect(page.get_by_role("button", name="Undo the correction")).to_have_count(0)


def test_device_is_deleted_only_by_its_name(page, server):
    device = server.add_device("Short-lived", "ada")
    page.goto(f"{device.page}delete/")
    name = page.get_by_label("Type its name to delete it")

    name.fill("Something else")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Type the device's name as it is written")).to_be_visible()
    name.fill("Short-lived")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Short-lived is deleted.")).to_be_visible()
    wait_until_refused(page, device)


def test_price_set_for_the_site_is_a_cost_on_the_energy_page(page, device):
    post_last_days(device, 5.0)
    page.goto("/settings/")
    page.get_by_label("Currency").fill("EUR")
    page.get_by_label(re.compile("[Pp]rice of a kWh")).fill("0.30")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Settings are saved.")).to_be_visible()

    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    page.goto(f"/energy/?device={device.id}&span=day&date={yesterday}")

    expect(page.get_by_text(re.compile(r"\d\.\d\d EUR at 0\.3\d* a kWh"))).to_be_visible()
    expect(page.get_by_role("columnheader", name="Cost")).to_be_attached()


def test_old_history_is_led_to_where_nothing_comes_any_more(page, device):
    start = datetime(2025, 3, 10, 12, tzinfo=UTC)
    assert (
        device.post(
            *(
                {
                    **READING,
                    "energy": n / 10,
                    "timestamp": (start + timedelta(minutes=10 * n)).isoformat(),
                }
                for n in range(20)
            )
        )
        == 201
    )
    page.goto(device.page)

    page.get_by_role("link", name="Show that month").click()

    expect(page.get_by_role("heading", name="March 2025")).to_be_visible()
    expect(page.locator("[data-total]")).to_have_text("1.900")


@pytest.mark.parametrize("size", ["192x192", "512x512"])
def test_app_can_be_installed(size, page, device):
    page.goto("/devices/")

    manifest = page.evaluate(
        "async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json()"
    )

    icons = {one["sizes"]: one["src"] for one in manifest["icons"]}
    width = page.evaluate(
        "async (src) => (await createImageBitmap(await (await fetch(src)).blob())).width",
        icons[size],
    )
    assert (manifest["name"], manifest["display"], manifest["start_url"]) == (
        "Wattkeep",
        "standalone",
        "/",
    )
    assert width == int(size.partition("x")[0])
