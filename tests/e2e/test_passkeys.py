"""A passkey from its making to a log-in without a password, with a key that Chromium plays."""

import pytest
from playwright.sync_api import expect

from e2e.running import PASSWORD


@pytest.fixture
def local(open_page, server):
    """Return a page at a name, which passkeys need, with an authenticator in the browser."""
    page = open_page(server.address.replace("127.0.0.1", "localhost"))
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def test_passkey_is_made_and_logs_in_without_a_password(local):
    local.goto("/login/")
    local.get_by_label("Username").fill("ada")
    local.get_by_label("Password").fill(PASSWORD)
    local.get_by_role("button", name="Log in", exact=True).click()
    local.wait_for_url(lambda url: "/login/" not in url)
    local.goto("/account/")
    local.get_by_role("link", name="Add", exact=True).click()
    local.get_by_label("Password").fill(PASSWORD)
    local.get_by_role("button", name="Confirm").click()
    local.get_by_label("Name").fill("Laptop")
    local.get_by_label("Passwordless").check()
    local.get_by_role("button", name="Add", exact=True).click()
    local.wait_for_url(lambda url: "/webauthn/add/" not in url)
    local.goto("/account/")
    expect(local.get_by_text("1 passkey or security key.")).to_be_visible()

    local.context.clear_cookies()
    local.goto("/login/")
    local.get_by_role("button", name="Log in with a passkey").click()

    local.wait_for_url(lambda url: "/login/" not in url)
    local.goto("/account/")
    expect(local.get_by_text("· this browser")).to_be_visible()
    local.get_by_role("link", name="Manage").first.click()
    expect(local.get_by_text("Laptop")).to_be_visible()


def test_pages_of_an_account_fit_on_a_phone(local, server):
    server.add_user("bob")
    local.set_viewport_size({"width": 360, "height": 800})
    local.goto("/login/")
    local.get_by_label("Username").fill("bob")
    local.get_by_label("Password").fill(PASSWORD)
    local.get_by_role("button", name="Log in", exact=True).click()
    local.wait_for_url(lambda url: "/login/" not in url)
    local.goto("/account/second-factor/totp/activate/")
    local.get_by_label("Password").fill(PASSWORD)
    local.get_by_role("button", name="Confirm").click()
    expect(local.get_by_role("img")).to_be_visible()

    for address in (
        "/account/",
        "/account/tokens/",
        "/account/second-factor/totp/activate/",
        "/account/second-factor/webauthn/",
        "/account/second-factor/webauthn/add/",
    ):
        local.goto(address)
        assert local.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
