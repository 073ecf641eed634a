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
        settings = conf.load()
        settings["path"] = settings["path"].decode()
        results.append(settings)
    except ValueError as error:
        results.append(str(error))
answer(results)
"""
GOOD = {"server": "http://192.168.1.7:8000", "api_key": "wk_1"}


def load_all(folder, *given):
    return run_script(folder, LOAD, list(given))


def test_defaults_fill_in_what_is_not_said(tmp_path):
    assert load_all(tmp_path, GOOD) == [
        {
            "wifi_ssid": "",
            "wifi_password": "",
            "server": "http://192.168.1.7:8000",
            "api_key": "wk_1",
            "interval_s": 10,
            "meter_address": 248,
            "escape_ms": 1500,
            "host": "192.168.1.7",
            "port": 8000,
            "path": "/api/energy-data/",
        }
    ]


def test_servers_are_taken_apart(tmp_path):
    servers = ["http://pi", "http://pi/", "http://pi:81/energy/", "http://10.0.0.2:8000"]

    loaded = load_all(tmp_path, *({**GOOD, "server": server} for server in servers))

    assert [(one["host"], one["port"], one["path"]) for one in loaded] == [
        ("pi", 80, "/api/energy-data/"),
        ("pi", 80, "/api/energy-data/"),
        ("pi", 81, "/energy/api/energy-data/"),
        ("10.0.0.2", 8000, "/api/energy-data/"),
    ]


def test_mistakes_are_named(tmp_path):
    mistakes = [
        ({"server": "https://pi"}, "server is http://host:port"),
        ({"server": ""}, "server is http://host:port"),
        ({"server": "http://:80"}, "no host"),
        ({"api_key": ""}, "api_key is missing"),
        ({"api_key": "wk\r\nX-Other: 1"}, "api_key has a character"),
        ({"interval_s": 0}, "interval_s is 1 to 300"),
        ({"interval_s": "10"}, "interval_s has the wrong type"),
        ({"meter_address": 249}, "meter_address is 1 to 247"),
        ({"wifi_sid": "home"}, "unknown setting wifi_sid"),
    ]

    told = load_all(tmp_path, *({**GOOD, **change} for change, _ in mistakes))

    assert [words in message for (_, words), message in zip(mistakes, told, strict=True)] == [
        True
    ] * len(mistakes), json.dumps(told, indent=1)
