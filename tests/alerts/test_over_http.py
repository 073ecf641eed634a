"""High power on its whole way: posted by a device, shown on the dashboard, gone again."""

from running import READING, Site
from sim.patience import wait_until


def test_incident_shows_while_the_power_is_high_and_goes_when_it_falls(server):
    device, key = server.add_device("Oven")
    browser = Site(server.url)
    browser.log_in("ada")

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
