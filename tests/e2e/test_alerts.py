"""The alert pages as a person meets them: deeds, a rule that is tried, messages in the browser."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import READING

PAGES = (
    "/alerts/",
    "/alerts/rules/",
    "/alerts/rules/add/",
    "/alerts/channels/",
    "/alerts/channels/add/email/",
    "/alerts/reports/",
    "/l/x/",
)
INCIDENT = """
from django.utils import timezone
from wattkeep.monitoring.models import Alert, Device
device = Device.objects.get(pk={device})
rule = device.rules.get(alert_type="HIGH_POWER")
Alert.objects.create(device=device, rule=rule, alert_type="HIGH_POWER", value=6543,
    message="High power: 6,543 W (limit 5,000 W)", created_at=timezone.now())
"""


def run_in(server, code):
    """Run Python inside the server's installation, in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "wattkeep", "manage", "shell", "-c", code],
        env={**server._environment(), "WATTKEEP_DATA_DIR": str(server.data_dir)},
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )


def post_ten_days(device, peak_w=3000.0):
    """Post a reading every five minutes, with half an hour over 2,500 W each day."""
    now = datetime.now(UTC)
    rows = []
    for minute in range(0, 10 * 1440, 5):
        at = now - timedelta(minutes=minute)
        power = peak_w if minute % 1440 < 30 else 300.0
        row = {**READING, "energy": 100 - minute / 1000, "power": power}
        rows.append({**row, "timestamp": at.isoformat()})
    assert device.post(*reversed(rows)) == 201


@pytest.fixture
def measured(server, device):
    """Return a device that reports every five minutes, with ten days measured."""
    run_in(
        server,
        "from wattkeep.monitoring.models import Device\n"
        f"Device.objects.filter(pk={device.id}).update(interval_s=300)",
    )
    post_ten_days(device)
    return device


def open_rule_form(page, device):
    page.goto(f"/alerts/rules/add/?device={device.id}")
    page.get_by_label("Name").fill("Kettle")
    page.get_by_label("Limit").fill("2500")
    page.get_by_label("How long it has to last").fill("10 min")


def test_rule_is_tried_and_its_limit_suggested_in_place(page, measured):
    open_rule_form(page, measured)

    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text(re.compile("would have fired 1[01] times"))).to_be_visible()
    page.get_by_role("button", name="Suggest a limit").click()
    expect(page.get_by_label("Limit")).not_to_have_value("2500")

    expect(page.get_by_label("Name")).to_have_value("Kettle")
    limit = page.get_by_label("Limit").input_value()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("/alerts/rules/.place="))
    expect(page.get_by_text(f"Power above {float(limit):,.0f} W for 10 min")).to_be_visible()
    expect(page.locator("li", has_text="Kettle")).to_have_count(1)


def test_what_is_wrong_is_marked_when_a_rule_is_tried(page, measured):
    open_rule_form(page, measured)
    page.get_by_label("Limit").fill("-5")

    page.get_by_role("button", name="Try it").click()

    expect(page.get_by_text(re.compile("Write a limit from 1"))).to_be_visible()
    expect(page.get_by_label("Limit")).to_have_attribute("aria-invalid", "true")


def test_rule_is_tried_without_scripts(open_page, server, login_state, measured):
    page = open_page(server.address, storage_state=login_state, java_script_enabled=False)
    open_rule_form(page, measured)

    page.get_by_role("button", name="Try it").click()

    expect(page.get_by_text(re.compile("would have fired 1[01] times"))).to_be_visible()


def test_incident_is_snoozed_by_keyboard(page, server, device):
    run_in(server, INCIDENT.format(device=device.id))
    page.goto(f"/alerts/?device={device.id}")
    page.locator("summary", has_text="Snooze").focus()

    page.keyboard.press("Enter")
    page.get_by_role("button", name="4 hours").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="Snoozed until")).to_be_visible()
    page.goto(f"/alerts/?device={device.id}")
    page.get_by_role("link", name="High power: 6,543 W").click()
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("Resolved by hand")).to_be_visible()
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)


def test_message_is_shown_in_the_browser_once(open_page, server, login_state):
    page = open_page(server.address, storage_state=login_state, permissions=["notifications"])
    page.goto("/alerts/channels/add/browser/")
    page.get_by_role("button", name="Add channel").click()
    page.get_by_role("button", name="Show in this browser").click()
    expect(page.get_by_text("On in this browser")).to_be_visible()

    page.get_by_role("button", name="Test Browser").click()
    notice = page.get_by_role("link", name="Wattkeep can reach you here")
    expect(notice).to_be_visible()
    # It is known as shown now, on every page.
    with page.expect_response(re.compile("/notifications/browser/")) as answer:
        page.goto("/alerts/")

    assert answer.value.json()["notices"] == []
    expect(notice).to_have_count(0)


def test_channel_says_why_its_test_failed(page, server):
    page.goto("/alerts/channels/add/webhook/")
    page.get_by_label("Name").fill("Nobody")
    page.get_by_label("Address").fill("http://127.0.0.1:9/")
    page.get_by_role("button", name="Add channel").click()

    page.get_by_role("button", name="Test Nobody").click()

    told = page.get_by_role("status").filter(has_text="Nobody: The test did not get through.")
    expect(told).to_be_visible()


def test_report_is_shown_in_full(open_page, server, login_state, device):
    post_ten_days(device)
    # No page with a clock that can be moved: that would be a script in the frame, which has none.
    page = open_page(server.address, storage_state=login_state)
    page.goto("/alerts/reports/")
    frame = page.frame_locator("iframe")

    expect(frame.get_by_role("heading", level=1)).to_contain_text("Week")
    chart = frame.get_by_role("img").first
    expect(chart).to_have_js_property("complete", True)
    heights = page.locator("iframe").evaluate(
        "frame => [frame.clientHeight, frame.contentDocument.documentElement.scrollHeight]"
    )
    assert heights[0] >= heights[1]
    assert chart.bounding_box()["height"] > 50


def test_pages_do_not_scroll_sideways(open_page, server, login_state, device, complaints):
    run_in(server, INCIDENT.format(device=device.id))
    page = open_page(server.address, storage_state=login_state)

    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        for address in PAGES:
            page.goto(address, wait_until="networkidle")
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert (address, width, over) == (address, width, 0)
    complaints.forgive("404")


def test_incident_is_acknowledged_snoozed_until_monday_and_resolved(page, server, device):
    run_in(server, INCIDENT.format(device=device.id))
    page.goto("/alerts/")
    page.get_by_role("link", name=re.compile("High power")).first.click()

    page.get_by_role("button", name=re.compile("^Acknowledge")).first.click()
    expect(page.get_by_text("Acknowledged by ada")).to_be_visible()
    page.get_by_label(re.compile("^Snooze")).first.click()
    page.get_by_role("button", name="Until Monday, 7:00").click()
    expect(page.get_by_text(re.compile(r"Snoozed until Mon \d+ \w+, 07:00")).first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Resolve")).first.click()

    expect(page.get_by_text("Resolved by hand").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Acknowledge"))).to_have_count(0)


def test_channel_is_tested_and_says_what_came_of_it(page, server):
    page.goto("/alerts/channels/add/browser/")
    page.get_by_label("Name").fill("Here")
    page.get_by_role("button", name="Add channel").click()

    page.get_by_role("button", name="Test Here").click()

    told = "Here: The test is on its way to every browser where you allowed it."
    expect(page.get_by_text(told)).to_be_visible()
