"""Rules on their whole way: posted by a device, shown on the dashboard, gone again."""

import json

from running import READING, Process, Running, Site, free_port
from sim.patience import wait_until

PLAIN = {"hold_s": 0, "recovery_hold_s": 0, "recovery_threshold": None}


def change_rule(browser, device, alert_type, **values):
    """Change a rule as a program does."""
    [rule] = [
        one
        for one in browser.get(f"/api/v1/rules/?device={device}").body
        if one["alert_type"] == alert_type
    ]
    answer = browser.request(
        "PATCH",
        f"/api/v1/rules/{rule['id']}/",
        json.dumps(values),
        {"Content-Type": "application/json"},
    )
    assert answer.status == 200, answer.body


def test_incident_shows_while_the_power_is_high_and_goes_when_it_falls(server):
    device, key = server.add_device("Oven")
    browser = Site(server.url)
    browser.log_in("ada")
    change_rule(browser, device, "HIGH_POWER", **PLAIN)

    def alerts():
        return browser.get(f"/api/dashboard/{device}/").body["alerts"]

    server.post(key, {**READING, "power": 5000})
    server.post(key, {**READING, "power": 6543.2})
    wait_until(alerts)
    server.post(key, {**READING, "power": 7000})
    [alert] = alerts()
    assert (alert["alert_type"], alert["value"], alert["is_resolved"], alert["message"]) == (
        "HIGH_POWER",
        6543.2,
        False,
        "High power: 6,543 W (limit 5,000 W)",
    )

    server.post(key, {**READING, "power": 300})
    wait_until(lambda: not alerts())
    browser.close()


def test_three_workers_with_the_same_device_make_one_incident(tmp_path):
    """Every reading comes over a connection of its own, so all three processes get some."""
    with Running(tmp_path / "data") as running:
        running.add_user("ada")
        device, key = running.add_device("Oven")
    port = free_port()
    words = ("serve", "--workers", 3, "--host", "127.0.0.1", "--port", port)
    with Process(*words, "--data-dir", tmp_path / "data", log=tmp_path / "log") as server:
        assert server.line().endswith("with 3 workers")
        url = f"http://127.0.0.1:{port}"
        browser = Site(url)
        browser.log_in("ada")

        def post(power_w, age_s):
            board = Site(url)
            answer = board.post(key, {**READING, "power": power_w, "age_s": age_s})
            assert answer.status == 201, answer.body
            board.close()

        def listed():
            return browser.get(f"/api/v1/alerts/?device={device}").body["results"]

        for age_s in range(60, -1, -2):
            post(6000.0, age_s)
        wait_until(listed)
        for _ in range(30):
            post(6000.0, 0)

        [alert] = listed()
        assert (alert["alert_type"], alert["is_resolved"]) == ("HIGH_POWER", False)
        assert alert["duration_s"] >= 58
        browser.close()
        server.end()
