"""The live connection of a real server, through a client of somebody else's making."""

import asyncio
import json
from http.cookies import SimpleCookie

import pytest
import websockets

from running import READING, Running, Site

PATIENCE_S = 30


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Running(tmp_path_factory.mktemp("live")) as running:
        running.add_user("ada")
        running.add_user("bob")
        yield running


def cookie(site, name):
    """Return the cookie header of somebody who has just logged in."""
    visitor = Site(site.url)
    visitor.log_in(name)
    jar = SimpleCookie(visitor._cookies)
    return f"sessionid={jar['sessionid'].value}"


def connect(site, query, who=None, **headers):
    sent = {**headers, **({"Cookie": cookie(site, who)} if who else {})}
    url = site.url.replace("http", "ws") + f"/ws/live/?{query}"
    return websockets.connect(url, additional_headers=sent)


async def receive(socket, kind, accept=bool):
    # A frame may hold several messages; those after the one asked for are for the next call.
    kept = socket.__dict__.setdefault("kept", [])
    async with asyncio.timeout(PATIENCE_S):
        while True:
            while kept:
                message = kept.pop(0)
                if message["type"] == kind and accept(message):
                    return message
            said = json.loads(await socket.recv())
            kept += said if isinstance(said, list) else [said]


def post(site, key, **values):
    return asyncio.to_thread(site.post, key, {**READING, **values})


def test_a_page_gets_the_newest_reading_at_once_and_new_ones_as_they_come(site):
    device, key = site.add_device("House")
    first = site.post(key, READING).body["reading_id"]

    async def scene():
        async with connect(site, f"device={device}", "ada") as socket:
            at_once = await receive(socket, "reading")
            status = await receive(socket, "status")
            await post(site, key, power=777.7)
            later = await receive(socket, "reading")
            return at_once, status, later

    at_once, status, later = asyncio.run(scene())

    assert {name: at_once[name] for name in READING} == READING
    assert at_once["device"] == device
    assert at_once["timestamp"].endswith("Z")
    assert first > 0
    assert (status["status"], status["is_online"]) == ("online", True)
    assert later["power"] == 777.7
    assert later["timestamp"] > at_once["timestamp"]


def test_an_incident_is_told_when_it_opens_and_when_it_ends(site):
    device, key = site.add_device("Oven")
    site.post(key, {**READING, "age_s": 60})
    owner = Site(site.url)
    owner.log_in("ada")

    async def scene():
        async with connect(site, f"device={device}", "ada") as socket:
            await receive(socket, "reading")
            await post(site, key, power=9000.0, age_s=40)
            await post(site, key, power=9000.0)
            opened = await receive(socket, "alert")
            await asyncio.to_thread(
                owner.request, "POST", f"/api/v1/alerts/{opened['id']}/resolve/"
            )
            ended = await receive(socket, "alert", lambda message: message["is_resolved"])
            return opened, ended

    opened, ended = asyncio.run(scene())

    assert (opened["alert_type"], opened["is_resolved"]) == ("HIGH_POWER", False)
    assert ended["id"] == opened["id"]


@pytest.mark.parametrize(
    ("who", "query", "headers"),
    [
        (None, "device={}", {}),
        ("bob", "device={}", {}),
        ("ada", "", {}),
        ("ada", "device=x", {}),
        ("ada", "device={}&device=999999", {}),
        ("ada", "device={}", {"Origin": "https://elsewhere.example"}),
        ("ada", "&".join(f"device={number}" for number in range(300)), {}),
    ],
    ids=["nobody", "stranger", "no device", "nonsense", "one too far", "another site", "too many"],
)
def test_others_are_turned_away(site, who, query, headers):
    device, _ = site.add_device("Shed")

    async def scene():
        async with connect(site, query.format(device), who, **headers) as socket:
            await socket.recv()

    with pytest.raises((websockets.InvalidStatus, websockets.ConnectionClosed)):
        asyncio.run(scene())


def test_a_page_of_our_own_is_welcome(site):
    device, key = site.add_device("Garage")
    site.post(key, READING)

    async def scene():
        async with connect(site, f"device={device}", "ada", Origin=site.url) as socket:
            return await receive(socket, "reading")

    assert asyncio.run(scene())["device"] == device


def test_readings_taken_by_another_process_are_seen(site, tmp_path):
    from running import Process, free_port

    device, key = site.add_device("Cellar")
    port = free_port()
    words = ("up", "--host", "127.0.0.1", "--port", port, "--data-dir", site.data_dir)
    with Process(*words, log=tmp_path / "other.log") as other:
        other.line()
        there = Site(f"http://127.0.0.1:{port}")

        async def scene():
            async with connect(site, f"device={device}", "ada") as socket:
                await receive(socket, "status")
                await post(there, key, power=432.1)
                return await receive(socket, "reading")

        message = asyncio.run(scene())
        there.close()

    assert message["power"] == 432.1


def test_what_a_page_says_is_ignored(site):
    device, key = site.add_device("Attic")

    async def scene():
        async with connect(site, f"device={device}", "ada") as socket:
            await receive(socket, "status")
            await socket.send("hello")
            await socket.send(b"\xff" * 1000)
            await post(site, key)
            return await receive(socket, "reading")

    assert asyncio.run(scene())["device"] == device


def test_a_program_with_a_token_is_welcome_and_one_with_a_wrong_token_is_not(site):
    device, key = site.add_device("Pump")
    site.post(key, READING)
    visitor = Site(site.url)
    visitor.log_in("ada")
    body = json.dumps({"name": "Panel", "scope": "read"})
    headers = {"Content-Type": "application/json"}
    token = visitor.request("POST", "/api/v1/tokens/", body, headers).body["token"]

    async def scene(text):
        async with connect(site, f"device={device}", Authorization=f"Bearer {text}") as socket:
            return await receive(socket, "reading")

    assert asyncio.run(scene(token))["device"] == device
    with pytest.raises((websockets.InvalidStatus, websockets.ConnectionClosed)):
        asyncio.run(scene(f"{token}x"))
