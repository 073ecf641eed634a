"""How many connections an address may hold."""

import resource

import pytest

from wattkeep import crowds
from wattkeep.crowds import Crowds, usual_most
from wattkeep.domain.proxies import parse_networks

PROXIES = parse_networks(["10.0.0.7", "2001:db8:1::/48"])


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.168.1.20", "192.168.1.20"),
        ("::ffff:192.168.1.20", "192.168.1.20"),
        ("2001:db8:2::17", "2001:db8:2::"),
        ("2001:db8:2::ff:17", "2001:db8:2::"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("10.0.0.7", ""),
        ("2001:db8:1::9", ""),
    ],
)
def test_connections_are_counted_by_address_or_network(address, group):
    assert Crowds(5, PROXIES).group((address, 4711)) == group


def test_sockets_without_an_address_and_without_a_limit_are_not_counted():
    assert Crowds(5).group(None) == ""
    assert Crowds(0).group(("192.168.1.20", 1)) == ""


def test_one_address_takes_nothing_from_another():
    found = Crowds(2)

    assert [found.enter("a"), found.enter("a"), found.enter("a"), found.enter("b")] == [
        True, True, False, True,
    ]  # fmt: skip
    found.leave("a")
    assert found.enter("a")


def test_nothing_is_kept_of_who_has_gone():
    found = Crowds(1)
    for _ in range(3):
        found.enter("a")
    found.leave("a")

    assert not found.has("a")
    assert found.enter("a")


def test_log_says_once_what_to_do(caplog):
    found = Crowds(1)
    for _ in range(4):
        found.enter("192.168.1.20")

    [line] = caplog.messages
    assert line.startswith("192.168.1.20 holds 1 connections")
    assert "WATTKEEP_CONNECTIONS_PER_ADDRESS" in line


@pytest.mark.parametrize(
    ("files", "most"),
    [(1024, 256), (65_536, 2000), (resource.RLIM_INFINITY, 2000), (2, 1)],
)
def test_usual_limit_is_a_share_of_what_the_process_may_open(files, most, monkeypatch):
    monkeypatch.setattr(crowds.resource, "getrlimit", lambda _: (files, files))

    assert usual_most() == most
