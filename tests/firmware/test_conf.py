from __future__ import annotations

import json

from sim.on_micropython import needs_micropython, run_script

pytestmark = needs_micropython

LOAD = """
import conf
results = []
for given in data:
    with open("config.json", "w") as file:
        json.dump(given, file)
    try:
        settings = conf.load("config.json")
        settings["prefix"] = settings["prefix"].decode()
        results.append(settings)
    except ValueError as error:
        results.append(str(error))
answer(results)
"""
METERS = [{"address": 1, "key": "wk_1"}]
GOOD = {"server": "http://192.168.1.7:8000", "meters": METERS}


def load_all(folder, *given):
    return run_script(folder, LOAD, list(given))


def test_defaults_fill_in_what_is_not_said(tmp_path):
    assert load_all(tmp_path, GOOD) == [
        {
            "wifi_ssid": "",
            "wifi_password": "",
            "server": "http://192.168.1.7:8000",
            "meters": METERS,
            "signed": True,
            "interval_s": 10,
            "poll_ms": 100,
            "display": 1,
            "contrast": 128,
            "host": "192.168.1.7",
            "port": 8000,
            "prefix": "",
        }
    ]


def test_servers_are_taken_apart(tmp_path):
    servers = ["http://pi", "http://pi/", "http://pi:81/energy/", "http://10.0.0.2:8000"]

    loaded = load_all(tmp_path, *({**GOOD, "server": server} for server in servers))

    assert [(one["host"], one["port"], one["prefix"]) for one in loaded] == [
        ("pi", 80, ""),
        ("pi", 80, ""),
        ("pi", 81, "/energy"),
        ("10.0.0.2", 8000, ""),
    ]


def test_mistakes_are_named(tmp_path):
    mistakes = [
        ({"server": "https://pi"}, "server is http://host:port"),
        ({"server": ""}, "server is http://host:port"),
        ({"server": "http://:80"}, "no host"),
        ({"meters": []}, "meters is a list of 1 to 4"),
        ({"meters": METERS * 5}, "meters is a list of 1 to 4"),
        ({"meters": [{"address": 1}]}, "a meter's key is missing"),
        ({"meters": [{"address": 1, "key": ""}]}, "a meter's key is missing"),
        ({"meters": [{"key": "wk\r\nX-Other: 1"}]}, "a key has a character"),
        ({"meters": [{"address": 249, "key": "k"}]}, "address is 1 to 247"),
        ({"meters": METERS * 2}, "several meters need an address each"),
        ({"meters": [*METERS, {"key": "k"}]}, "several meters need an address each"),
        ({"interval_s": 0}, "interval_s is 1 to 3600"),
        ({"poll_ms": 50}, "poll_ms is 100 to 10000"),
        ({"contrast": 300}, "contrast is 0 to 255"),
        ({"interval_s": "10"}, "interval_s has the wrong type"),
        ({"wifi_sid": "home"}, "unknown setting wifi_sid"),
    ]

    told = load_all(tmp_path, *({**GOOD, **change} for change, _ in mistakes))

    assert [words in message for (_, words), message in zip(mistakes, told, strict=True)] == [
        True
    ] * len(mistakes), json.dumps(told, indent=1)
