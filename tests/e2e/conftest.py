"""A server, somebody who is logged in, and a browser that must not complain."""

import os
import shutil
from urllib.parse import urlsplit

import pytest

from e2e.curves import post_days
from e2e.running import PASSWORD, Running

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 30_000


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "e2e":
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def chromium():
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        reason = f"no browser on PATH (looked for {', '.join(CHROMIUMS)}): no page was tried"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    # Only now: without a browser the package may be missing as well.
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(chromium, tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("server"))
    running.add_user("ada")
    yield running
    running.stop()


@pytest.fixture
def device(server, request):
    """Return a device of this test's own."""
    return server.add_device(request.node.name[5:60], "ada")


@pytest.fixture(scope="module")
def measured(server):
    """Return a device with two days of readings, for tests that add nothing to it."""
    device = server.add_device("Measured", "ada")
    post_days(device)
    return device


@pytest.fixture(scope="module")
def login_state(chromium, server, tmp_path_factory):
    """Log in once; return the file with the session's cookie."""
    path = tmp_path_factory.mktemp("login") / "state.json"
    context = chromium.new_context(base_url=server.address)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)
    context.storage_state(path=path)
    context.close()
    return path


class Complaints(list):
    """What the browser's console said and which other hosts were asked."""

    def __init__(self):
        super().__init__()
        # Who leaves a page while it connects is told so by Chromium.
        self.forgiven = ["WebSocket is closed before the connection is established"]

    def watch(self, page, address):
        host = urlsplit(address).netloc
        page.on(
            "console",
            lambda line: (
                line.type in {"error", "warning"}
                and self.append(f"{line.text} {line.location['url']}")
            ),
        )
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on(
            "request",
            lambda request: (
                urlsplit(request.url).scheme in {"http", "https"}
                and urlsplit(request.url).netloc != host
                and self.append(f"asked {request.url}")
            ),
        )

    def forgive(self, words):
        """Overlook what a test provokes on purpose, also what is yet to come."""
        self.forgiven.append(words)

    def left(self):
        return [line for line in self if not any(words in line for words in self.forgiven)]


@pytest.fixture
def complaints():
    """Collect complaints; any left at the end fails the test."""
    found = Complaints()
    yield found
    assert found.left() == []


@pytest.fixture
def open_page(chromium, complaints):
    """Return a function that opens a page at a server, with options for its context."""
    contexts = []

    def open_at(address, **options):
        context = chromium.new_context(base_url=address, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        complaints.watch(page, address)
        return page

    yield open_at
    for context in contexts:
        for opened in context.pages:
            # A poll may be on its way through a test's route.
            opened.unroute_all(behavior="ignoreErrors")
        context.close()


@pytest.fixture
def page(open_page, server, login_state):
    """Return a page of somebody who is logged in; its clock can be moved."""
    opened = open_page(server.address, storage_state=login_state)
    opened.clock.install()
    return opened
