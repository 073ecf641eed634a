"""From an empty folder to the first device's page."""

import re
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from playwright.sync_api import expect

from e2e.running import PASSWORD, READING, Device, Running


@pytest.fixture
def new_server(tmp_path):
    running = Running(tmp_path / "data")
    yield running
    running.stop()


def test_first_person_gets_an_account_and_a_key(open_page, new_server):
    page = open_page(
        new_server.address,
        timezone_id="Asia/Kolkata",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.goto("/")
    expect(page.get_by_role("heading", name="Welcome to Wattkeep")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value(re.compile("Asia/(Kolkata|Calcutta)"))

    page.get_by_label("One-time code").fill(new_server.setup_code())
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()

    expect(page.get_by_role("heading", name="Main meter is ready to report")).to_be_visible()
    key = page.locator("#key").inner_text()
    page.wait_for_load_state()  # before its script has run the button does nothing
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.reload()
    expect(page.get_by_role("heading", name="This key is not shown any more")).to_be_visible()
    assert key not in page.content()
    assert Device(new_server.address, 1, key).post(**READING) == 201
    page.get_by_role("link", name="Show the device").click()
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")
    page.goto("/admin/", wait_until="networkidle")
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    page.goto("/admin/monitoring/device/1/change/", wait_until="networkidle")
    expect(page.get_by_label("Name")).to_have_value("Main meter")


def test_of_many_first_accounts_at_once_one_is_made(new_server):
    code = new_server.setup_code()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: register(new_server.address, f"p{n}", code), range(8)))

    assert sorted(answers) == [200] + [403] * 7
    assert len(re.findall("p[0-7]", new_server.list_users())) == 1


def register(address, name, code):
    opener = build_opener(HTTPCookieProcessor(CookieJar()))
    with opener.open(f"{address}/register/", timeout=60) as page:
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page.read().decode())[1]
    fields = {
        "csrfmiddlewaretoken": token,
        "code": code,
        "username": name,
        "password1": PASSWORD,
        "password2": PASSWORD,
        "device_name": "Main meter",
    }
    request = Request(f"{address}/register/", data=urlencode(fields).encode())
    try:
        with opener.open(request, timeout=60) as response:
            return response.status
    except HTTPError as error:
        with error:
            return error.code
