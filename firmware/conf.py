# What this board has to know, from config.json beside it.
import json

PATH = b"/api/energy-data/"
DEFAULTS = {
    "wifi_ssid": "",  # empty: the network this board joined last, kept in its own flash
    "wifi_password": "",
    "server": "",
    "api_key": "",
    "interval_s": 10,
    "meter_address": 0xF8,  # any address: right as long as one meter is on the wire
    "escape_ms": 1500,
}


def load(name="config.json"):
    # Answers the settings with defaults filled in, and the server taken apart.
    with open(name) as file:
        given = json.load(file)
    settings = DEFAULTS.copy()
    for key in given:
        if key not in settings:
            raise ValueError("config.json: unknown setting " + key)
        settings[key] = given[key]
    check(settings)
    settings["host"], settings["port"], settings["path"] = split_server(settings["server"])
    return settings


def check(settings):
    for key in DEFAULTS:
        if not isinstance(settings[key], type(DEFAULTS[key])):
            raise ValueError("config.json: %s has the wrong type" % key)
    if not settings["api_key"]:
        raise ValueError("config.json: api_key is missing")
    for letter in settings["api_key"]:
        if not "!" <= letter <= "~":
            raise ValueError("config.json: api_key has a character no key has")
    if not 1 <= settings["interval_s"] <= 300:
        raise ValueError("config.json: interval_s is 1 to 300")
    if not 1 <= settings["meter_address"] <= 0xF8:
        raise ValueError("config.json: meter_address is 1 to 247, or 248 for any")


def split_server(server):
    # "http://host:port/prefix" -> ("host", port, b"/prefix/api/energy-data/")
    if not server.startswith("http://"):
        raise ValueError("config.json: server is http://host:port (TLS does not fit this board)")
    rest = server[7:]
    slash = rest.find("/")
    prefix = b""
    if slash >= 0:
        prefix = rest[slash:].rstrip("/").encode()
        rest = rest[:slash]
    parts = rest.split(":")
    if not parts[0] or len(parts) > 2:
        raise ValueError("config.json: no host in server " + server)
    port = int(parts[1]) if len(parts) == 2 else 80
    return parts[0], port, prefix + PATH
