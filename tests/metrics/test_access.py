"""Who may read the metrics."""

import pytest
from django.test import override_settings

from wattkeep.metrics.endpoint import is_welcome


def ask(client, **headers):
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return is_welcome({"client": client and (client, 1234), "headers": sent})


@pytest.mark.parametrize(
    ("client", "headers", "may"),
    [
        pytest.param("127.0.0.1", {}, True, id="this machine"),
        pytest.param("::1", {}, True, id="this machine by IPv6"),
        pytest.param("::ffff:127.0.0.1", {}, True, id="this machine by IPv4 in IPv6"),
        pytest.param("192.168.1.5", {}, False, id="another machine"),
        pytest.param("", {}, False, id="nobody knows who"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "8.8.8.8"}, False, id="through a proxy"),
        pytest.param("127.0.0.1", {"forwarded": "for=8.8.8.8"}, False, id="through another proxy"),
        pytest.param("192.168.1.5", {"authorization": "Bearer "}, False, id="an empty token"),
    ],
)
def test_without_a_token_only_the_machine_itself(client, headers, may):
    assert ask(client, **headers) is may


@override_settings(METRICS_TOKEN="let-me-in")
@pytest.mark.parametrize(
    ("client", "authorization", "may"),
    [
        ("192.168.1.5", "Bearer let-me-in", True),
        ("192.168.1.5", "Bearer let-me-out", False),
        ("192.168.1.5", "let-me-in", False),
        ("127.0.0.1", "", False),
    ],
)
def test_with_a_token_whoever_has_it(client, authorization, may):
    assert ask(client, authorization=authorization) is may
