"""What tests of live pages share: cutting the connection, changing answers, moving the clock."""

import re

SOCKET = re.compile("/ws/live/")
REALTIME = re.compile("/api/realtime/")
DASHBOARD = re.compile("/api/dashboard/")
POLL_MS = 6_000
MINUTE_MS = 61_000


def mark(page):
    """Leave a mark that a reload would wipe."""
    page.evaluate("document.body.dataset.mark = 'here'")


def assert_not_reloaded(page):
    assert page.evaluate("document.body.dataset.mark") == "here"


def pass_time(page, ms):
    """Move a page's clock on once its scripts have run: what they set later would not be moved.

    A page that a click led to can be seen before that.
    """
    page.wait_for_load_state()
    page.clock.run_for(ms)


def answer_with(page, pattern, **changes):
    """Let the server's answers through with some values changed."""

    def change(route):
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **changes})

    page.route(pattern, change)


def cut(page):
    """Let no live connection of the page come about: it has to ask."""
    page.route_web_socket(SOCKET, lambda socket: socket.close())


def count_requests(page, pattern):
    seen = []
    page.on("request", lambda request: pattern.search(request.url) and seen.append(request.url))
    return seen


def set_hidden(page, *, is_hidden):
    page.evaluate(
        """isHidden => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


OBSERVE_SHIFTS = """() => {
    window.moved = 0;
    const add = (entry) => (window.moved += entry.value);
    const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
    observer.observe({ type: "layout-shift", buffered: true });
}"""


class Gate:
    """Stands between a page and its live connection, to be cut and mended."""

    def __init__(self, page):
        self.is_open = True
        self.opened = 0
        self._sockets = []
        page.route_web_socket(SOCKET, self._pass)

    def _pass(self, socket):
        if not self.is_open:
            socket.close()
            return
        self.opened += 1
        self._sockets.append(socket)
        socket.connect_to_server()

    def cut(self):
        self.is_open = False
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()


def wait_for(page, condition):
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come about")
