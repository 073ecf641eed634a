"""Which names Wattkeep answers to without any setting, and whose words it takes for a client's."""

import pytest

from wattkeep.arrival import arrived, client_address, is_welcome_host
from wattkeep.domain.hosts import host_name, is_own_host, machine_name
from wattkeep.domain.proxies import origin_of, parse_networks

PROXIES = parse_networks(["10.0.0.0/8", "2001:db8::1"])


@pytest.mark.parametrize(
    "header",
    [
        "localhost:8000",
        "127.0.0.1:8000",
        "192.168.1.20",
        "10.1.2.3:80",
        "172.16.5.4",
        "100.101.102.103:8000",  # an overlay network's
        "169.254.1.1",
        "[::1]:8000",
        "[fd12::1]",
        "[fe80::1]:8000",
        "raspberrypi",
        "Raspberrypi:8000",
        "raspberrypi.local",
        "wattkeep.local.:8000",
        "energy.home.arpa",
        "energy.internal",
        "app.localhost:8000",
        machine_name(),
    ],
)
def test_names_only_this_network_can_have_are_ours(header):
    assert is_own_host(host_name(header), [])


@pytest.mark.parametrize(
    "header",
    [
        "evil.example",
        "evil.example:8000",
        "192.168.1.20.evil.example",
        "localhost.evil.example",
        "local",  # would be a name without a dot
        "raspberrypi.local.evil.example",
        "8.8.8.8",
        "[2001:4860::8888]",
        "0.0.0.0:8000",
        "[::]",
        "[::ffff:8.8.8.8]",
        "",
        "evil.example/",
        "a b",
        "a@b",
        "http://localhost",
        "localhost:port",
        "evil.example#.local",
        "evil.example\\.local",
        "3232235796",  # an address written as one number: without a dot, no browser sends it so
    ],
)
def test_strangers_names_are_not(header):
    name = host_name(header)

    # Without a dot no public name exists; such a name says nothing about who owns it.
    assert is_own_host(name, []) == (bool(name) and "." not in name and ":" not in name)


def test_names_that_were_given_are_ours_too():
    named = ["energy.example.org", ".cloud.example"]

    assert is_own_host("energy.example.org", named)
    assert is_own_host("a.b.cloud.example", named)
    assert is_own_host("192.168.1.2", named)
    assert not is_own_host("example.org", named)
    assert not is_own_host("xcloud.example", named)
    assert is_own_host("anything.example", ["*"])


def test_a_public_address_is_ours_where_it_was_connected_to():
    assert is_own_host("93.184.216.34", [], "93.184.216.34")
    assert is_own_host("2001:4860::1", [], "2001:4860:0:0::1")
    assert not is_own_host("93.184.216.34", [], "192.168.1.2")


def test_a_socket_needs_exactly_one_host_that_is_ours():
    def asks(*hosts):
        headers = [(b"host", host) for host in hosts]
        return is_welcome_host({"headers": headers, "server": ("192.168.1.2", 8000)}, [])

    assert asks(b"wattkeep.local")
    assert not asks()
    assert not asks(b"evil.example")
    assert not asks(b"wattkeep.local", b"evil.example")


def headers(**fields):
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]


@pytest.mark.parametrize(
    ("peer", "heard", "address"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("2001:db8::1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ", ".join(["10.0.0.2"] * 5000), "10.0.0.2"),
        ("", "1.2.3.4", ""),
    ],
)
def test_only_a_named_proxy_says_who_the_client_is(peer, heard, address):
    assert origin_of(peer, headers(x_forwarded_for=heard), PROXIES).address == address


def scope(peer, **fields):
    sent = [*headers(**fields), (b"host", b"inside:8000")]
    return {"type": "http", "scheme": "http", "client": (peer, 1), "headers": sent}


def test_what_a_proxy_says_becomes_the_request():
    seen, number = arrived(
        scope(
            "10.0.0.1",
            x_forwarded_for="198.51.100.7",
            x_forwarded_proto="https",
            x_forwarded_host="energy.example.org",
            x_request_id="abcdef-1234",
        ),
        PROXIES,
    )

    assert (seen["scheme"], client_address(seen), number) == (
        "https",
        "198.51.100.7",
        "abcdef-1234",
    )
    assert dict(seen["headers"])[b"host"] == b"energy.example.org"
    assert not any(name.startswith(b"x-forwarded") for name, _ in seen["headers"])


def test_what_a_stranger_says_of_itself_is_left_out():
    seen, number = arrived(
        scope(
            "203.0.113.9",
            x_forwarded_for="127.0.0.1",
            x_forwarded_proto="https",
            x_forwarded_host="energy.example.org",
            x_real_ip="127.0.0.1",
            forwarded="for=127.0.0.1",
            x_request_id="abcdef-1234",
        ),
        PROXIES,
    )

    assert (seen["scheme"], client_address(seen)) == ("http", "203.0.113.9")
    assert number != "abcdef-1234"
    assert dict(seen["headers"]) == {b"host": b"inside:8000", b"x-request-id": b"abcdef-1234"}


@pytest.mark.parametrize(
    "given", ["short", "a" * 65, "a b c d e f", "x\r\nset-cookie:a=b", "é" * 9]
)
def test_a_request_number_that_is_none_is_replaced(given):
    _, number = arrived(scope("10.0.0.1", x_request_id=given), PROXIES)

    assert len(number) == 16
    assert int(number, 16) >= 0
