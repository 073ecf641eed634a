# What this board has to know, from config.json beside it. Loaded once, then forgotten.
import json

ANY_ADDRESS = 0xF8
MOST_METERS = 4
DEFAULTS = {
    "wifi_ssid": "",  # empty: the network this board joined last, kept in its own flash
    "wifi_password": "",
    "server": "",
    "meters": [],
    "signed": True,
    "interval_s": 10,
    "poll_ms": 100,
    "display": 1,
    "contrast": 128,
}
RANGES = {"interval_s": (1, 3600), "poll_ms": (100, 10000), "display": (0, 1), "contrast": (0, 255)}


def load(name="/config.json"):
    # Answers the settings with defaults filled in, and the server taken apart.
    with open(name) as file:
        given = json.load(file)
    settings = DEFAULTS.copy()
    for key in given:
        if key not in settings:
            raise ValueError("config.json: unknown setting " + key)
        settings[key] = given[key]
    check(settings)
    settings["host"], settings["port"], settings["prefix"] = split_server(settings["server"])
    return settings


def check(settings):
    for key in DEFAULTS:
        if not isinstance(settings[key], type(DEFAULTS[key])):
            raise ValueError("config.json: %s has the wrong type" % key)
    for key in RANGES:
        least, most = RANGES[key]
        if not least <= settings[key] <= most:
            raise ValueError("config.json: %s is %d to %d" % (key, least, most))
    check_meters(settings["meters"])


def check_meters(meters):
    if not 1 <= len(meters) <= MOST_METERS:
        raise ValueError("config.json: meters is a list of 1 to %d" % MOST_METERS)
    taken = []
    for meter in meters:
        address = meter.get("address", ANY_ADDRESS)
        if not isinstance(address, int) or not 1 <= address <= ANY_ADDRESS:
            raise ValueError("config.json: address is 1 to 247, or 248 for any")
        if address in taken or len(meters) > 1 and address == ANY_ADDRESS:
            raise ValueError("config.json: several meters need an address each")
        taken.append(address)
        check_key(meter.get("key"))


def check_key(key):
    if not isinstance(key, str) or not key:
        raise ValueError("config.json: a meter's key is missing")
    for byte in key.encode():
        if not 33 <= byte <= 126:
            raise ValueError("config.json: a key has a character no key has")


def split_server(server):
    # "http://host:port/prefix" -> ("host", port, b"/prefix")
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
    return parts[0], port, prefix


def load_remote(index):
    # What the server set for this meter since, and the number of its last command.
    try:
        with open("/remote%d" % index) as file:
            remote = json.load(file)
        return remote if isinstance(remote, dict) else {}
    except (OSError, ValueError):
        return {}
