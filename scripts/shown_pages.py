"""The one list of pages: what is pictured, tried with axe-core and watched for what moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

NOBODY = ""
OWNER, NEWCOMER, BUILDER, MEMBER = "ada", "grace", "linus", "mary"


@dataclass(frozen=True)
class Shown:
    """A page: its name, its address with names in braces, who sees it, what is done there first.

    `first` marks a page of a server that nobody has an account at. `expected` is the status the
    server answers with. Paper is as it is printed.
    """

    name: str
    path: str
    user: str = OWNER
    act: Callable[[Page], None] | None = None
    expected: int = 200
    first: bool = False
    paper: bool = False
    ready: str = ""


def add_device(page: Page) -> None:
    """Add a device; the page ends on its key."""
    page.locator("#id_name").fill("Washing machine")
    page.locator("main form button").last.click()
    page.wait_for_url("**/key/")


def open_setup(title: str) -> Callable[[Page], None]:
    """Return what adds a device and opens one of its ready-made configurations."""

    def act(page: Page) -> None:
        add_device(page)
        page.locator("summary", has_text=title).click()

    return act


def open_menu(page: Page) -> None:
    """Open the account's menu."""
    page.locator("header details summary").click()


def try_rule(page: Page) -> None:
    """Ask what a rule would have found."""
    page.locator("[data-try]").first.click()
    page.locator("[data-tried] li").first.wait_for()


def open_why(page: Page) -> None:
    """Open the reasons of the first figure that is estimated."""
    hatched = page.locator("tr", has=page.locator(".swatch-hatched"))
    hatched.locator("a[data-dialog-link]").first.click()
    page.locator("[data-energy-dialog][open] h2").wait_for()


def show_qr_code(page: Page) -> None:
    """Add a device and show its key as a QR code."""
    add_device(page)
    page.locator("details", has=page.locator("[role=img]")).locator("summary").click()


ONLINE = '.state[data-status="online"]'
PAGES = (
    Shown("first-run", "/", NOBODY, first=True),
    Shown("login", "/login/", NOBODY),
    Shown("register", "/register/", NOBODY, expected=403),
    Shown("link", "/l/{link}/", NOBODY),
    Shown("invited", "/invited/{account_link}/", NOBODY),
    Shown("password-reset", "/password/reset/", NOBODY),
    Shown("password-reset-sent", "/password/reset/sent/", NOBODY),
    Shown("shared-device", "/v/{device_link}/", NOBODY, ready=ONLINE),
    Shown("shared-site", "/v/{site_link}/", NOBODY, ready=ONLINE),
    Shown("shared-over", "/v/none/", NOBODY, expected=404),
    Shown("error-403", "/errors/403/", NOBODY, expected=403),
    Shown("error-404", "/no/such/page/", NOBODY, expected=404),
    Shown("error-500", "/errors/500/", NOBODY, expected=500),
    Shown("error-503", "/errors/503/", NOBODY, expected=503),
    # Soon after she logged in: these ask for the password again.
    Shown("second-factor", "/account/second-factor/", MEMBER),
    Shown("second-factor-app", "/account/second-factor/totp/activate/", MEMBER),
    Shown("passkeys", "/account/second-factor/webauthn/", MEMBER),
    Shown("email", "/account/email/", MEMBER),
    Shown("sharing-member", "/sharing/", MEMBER),
    Shown("device-member", "/devices/{House}/", MEMBER, ready=ONLINE),
    Shown("overview", "/", ready=ONLINE),
    Shown("device", "/devices/{House}/", ready=ONLINE),
    Shown("device-alert", "/devices/{Sauna}/", ready=ONLINE),
    Shown("device-offline", "/devices/{Workshop}/"),
    Shown("device-never", "/devices/{Greenhouse}/"),
    Shown("energy-hours", "/energy/?span=day&date={gap_day}"),
    Shown("energy-week", "/energy/?span=week&date={gap_day}"),
    Shown("energy-month", "/energy/?span=month&date={last_month}&compare=before"),
    Shown("energy-year", "/energy/?span=year"),
    Shown("energy-device", "/energy/?device={Sauna}&span=week&date={corrected_day}"),
    Shown("energy-why", "/energy/?device={House}&span=day&date={gap_day}", act=open_why),
    Shown(
        "energy-correct",
        "/energy/correct/?device={House}&start={gap_day}T10:00Z&end={gap_day}T12:00Z",
    ),
    Shown("history", "/history/"),
    Shown("history-several", "/history/?device={House}&device={Heat pump}&device={Kitchen}"),
    Shown("exports", "/exports/"),
    Shown("insights", "/insights/?device={House}"),
    Shown("insights-paper", "/insights/?device={House}", paper=True),
    Shown("voltage", "/insights/voltage/?device={House}"),
    Shown("voltage-paper", "/insights/voltage/?device={House}", paper=True),
    Shown("alerts", "/alerts/"),
    Shown("incident", "/alerts/{open_alert}/"),
    Shown("incident-over", "/alerts/{past_alert}/"),
    Shown("rules", "/alerts/rules/"),
    Shown("rule", "/alerts/rules/{rule}/", act=try_rule),
    Shown("rule-add", "/alerts/rules/add/"),
    Shown("channels", "/alerts/channels/"),
    Shown("channel-add-mail", "/alerts/channels/add/email/"),
    Shown("channel", "/alerts/channels/{channel}/"),
    Shown("report", "/alerts/reports/"),
    Shown("report-mail", "/alerts/reports/mail/?period=week&start={last_week}"),
    Shown("devices", "/devices/", ready=ONLINE),
    Shown("device-add", "/devices/add/", BUILDER),
    Shown("device-key", "/devices/add/", BUILDER, add_device),
    Shown("device-key-qr", "/devices/add/", BUILDER, show_qr_code),
    Shown("device-key-arduino", "/devices/add/", BUILDER, open_setup("Arduino")),
    Shown("device-key-esphome", "/devices/add/", BUILDER, open_setup("ESPHome")),
    Shown("device-key-tasmota", "/devices/add/", BUILDER, open_setup("Tasmota")),
    Shown("device-key-curl", "/devices/add/", BUILDER, open_setup("curl")),
    Shown("device-edit", "/devices/{House}/edit/"),
    Shown("device-check", "/devices/{House}/check/"),
    Shown("device-swap", "/devices/{Workshop}/swap/"),
    Shown("device-corrections", "/devices/{Sauna}/corrections/"),
    Shown("device-delete", "/devices/{Workshop}/delete/"),
    Shown("board", "/devices/{House}/board/"),
    Shown("firmware", "/firmware/"),
    Shown("settings", "/settings/"),
    Shown("storage", "/settings/storage/"),
    Shown("password", "/password/"),
    Shown("menu", "/settings/", act=open_menu),
    Shown("security", "/account/"),
    Shown("tokens", "/account/tokens/"),
    Shown("account-invitations", "/account/invitations/"),
    Shown("sharing", "/sharing/"),
    Shown("members", "/sharing/{site}/members/"),
    Shown("links", "/sharing/{site}/links/"),
    Shown("audit", "/sharing/audit/"),
    Shown("join", "/join/{member_link}/", NEWCOMER),
    Shown("join-over", "/join/none/", NEWCOMER, expected=404),
    Shown("devices-empty", "/devices/", NEWCOMER),
    Shown("energy-empty", "/energy/", NEWCOMER),
    Shown("history-empty", "/history/", NEWCOMER),
    Shown("insights-empty", "/insights/", NEWCOMER),
    Shown("alerts-empty", "/alerts/", NEWCOMER),
    Shown("rules-empty", "/alerts/rules/", NEWCOMER),
    Shown("channels-empty", "/alerts/channels/", NEWCOMER),
)
