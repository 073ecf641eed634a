"""The energy page of a site: one colour a device, the rest shown honestly, beside other periods."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import PASSWORD, READING

# In Paris, 5 January 2026 and the same Monday a year before.
MONDAY = datetime(2026, 1, 4, 23, tzinfo=UTC)
A_YEAR_BEFORE = MONDAY - timedelta(days=364)


def post_day(device, start, kw, first_kwh):
    assert (
        device.post(
            *(
                {
                    **READING,
                    "energy": round(first_kwh + kw * n / 12, 3),
                    "timestamp": (start + timedelta(minutes=5 * n)).isoformat(),
                }
                for n in range(12 * 24 + 1)
            )
        )
        == 201
    )


@pytest.fixture(scope="module")
def site(server):
    """Return somebody's site with two meters: this week, the week before and a year before."""
    server.add_user("bea")
    devices = [server.add_device(name, "bea") for name in ("Cellar", "Attic")]
    for device, kw in zip(devices, (0.5, 0.25), strict=True):
        # Nothing is used in between, so that nothing has to be estimated.
        post_day(device, A_YEAR_BEFORE, kw / 2, 0)
        post_day(device, MONDAY - timedelta(days=7), kw * 2, kw * 12)
        post_day(device, MONDAY, kw, kw * 60)
    return devices


@pytest.fixture
def page(open_page, server, site):
    opened = open_page(server.address)
    opened.goto("/login/")
    opened.get_by_label("Username").fill("bea")
    opened.get_by_label("Password").fill(PASSWORD)
    opened.get_by_role("button", name="Log in").click()
    opened.wait_for_url(lambda url: "/login/" not in url)
    return opened


def chart(page):
    return json.loads(page.locator("script[type='application/json']").first.text_content())


def test_bars_are_stacked_by_device_as_in_the_table(page):
    page.goto("/energy/?span=day&date=2026-01-05")

    expect(page.locator("[data-total]")).to_have_text("18.000")
    table = page.get_by_role("table").first
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert [name for name in heads if name in {"Cellar", "Attic", "Total"}] in (
        ["Cellar", "Attic", "Total"],
        ["Total", "Cellar", "Attic"],
        ["Attic", "Cellar", "Total"],
        ["Total", "Attic", "Cellar"],
    )
    first = table.locator("tbody tr").first.inner_text()
    assert {"0.750", "0.500", "0.250"} <= set(re.findall(r"\d\.\d{3}", first))


@pytest.mark.parametrize(
    ("choice", "against", "words"),
    [("Week before", "36.000", "50 % less"), ("A year before", "9.000", "100 % more")],
)
def test_period_is_compared(choice, against, words, page):
    page.goto("/energy/?span=week&date=2026-01-05")

    page.locator("#energy-compare").click()
    page.get_by_role("link", name=choice).click()

    expect(page.get_by_text(f"{against} kWh in ")).to_be_visible()
    expect(page.get_by_text(words, exact=True).first).to_be_visible()
    page.reload()
    expect(page.get_by_text(f"{against} kWh in ")).to_be_visible()


def test_period_is_turned_compared_and_left_by_keyboard(page):
    page.goto("/energy/?span=day&date=2026-01-05")

    page.locator("#energy-earlier").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Sun 4 Jan 2026")
    expect(page.locator("#energy-earlier")).to_be_focused()
    page.locator("#energy-compare").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Day before").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#energy-compare")).to_contain_text("Day before")
