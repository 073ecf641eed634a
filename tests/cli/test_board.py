"""`wattkeep board new`, `address` and `console`: devices, settings files, meters, prompts."""

import importlib.util
import json
import stat

import pytest

from boarding import sync
from cli.boards import Tools, call
from running import PASSWORD
from wattkeep.domain.keys import key_hash
from wattkeep.firmware import firmware_path
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.models import Device
from wattkeep.sim.load import synthetic_load
from wattkeep.sim.pzem import VirtualPzem

pytestmark = pytest.mark.django_db

SERVER = ("--server", "http://192.168.1.10:8000/")


@pytest.fixture(autouse=True)
def _ada():
    create_account("ada", PASSWORD)


@pytest.fixture
def config(tmp_path):
    return tmp_path / "config.json"


@pytest.fixture
def conf():
    """Return the firmware's settings module; it is plain enough for any Python."""
    spec = importlib.util.spec_from_file_location("conf", firmware_path() / "conf.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def new(name, config, *more, stdin="pass-of-wifi\n", server=SERVER):
    words = ("--user", "ada", *server, "--wifi", "home", "--wifi-password-stdin")
    return call("board", "new", name, *words, "--config", config, *more, stdin=stdin)


def test_new_makes_the_device_its_settings_and_shows_the_key(config):
    done = new("House", config, "--interval", "5")

    key = done.stdout.strip()
    device = Device.objects.get()
    assert done.exit_code == 0, done.output
    assert (device.name, device.interval_s, bytes(device.key_hash)) == ("House", 5, key_hash(key))
    assert json.loads(config.read_text()) == {
        "wifi_ssid": "home",
        "wifi_password": "pass-of-wifi",
        "server": "http://192.168.1.10:8000",
        "interval_s": 5,
        "meters": [{"address": 248, "key": key}],
    }
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert done.stderr.splitlines() == [
        f"Added device {device.pk}, House. Its key, shown this once:",
        f"Wrote {config}. Next: `wattkeep board flash --config {config}`.",
    ]


def test_firmware_takes_the_settings(config, conf):
    new("House", config)

    settings = conf.load(str(config))

    assert (settings["host"], settings["port"], settings["interval_s"]) == (
        "192.168.1.10",
        8000,
        10,
    )


def test_key_in_the_settings_opens_the_servers_door(config, nobody):
    new("House", config)
    [meter] = json.loads(config.read_text())["meters"]

    assert sync(nobody, meter["key"])["config"] == {"interval_s": 10}


def test_second_meter_joins_the_same_board(config, conf, nobody):
    new("House", config, "--meter", "1")
    done = new("Heat pump", config, "--meter", "2", "--add", stdin="")

    settings = conf.load(str(config))
    assert done.exit_code == 0, done.output
    assert [one["address"] for one in settings["meters"]] == [1, 2]
    assert settings["wifi_password"] == "pass-of-wifi"
    told = [sync(nobody, one["key"])["config"]["meters"] for one in settings["meters"]]
    assert told == [[1], [2]]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([], ["--meter", "2"], "several meters on one wire need an address each"),
        (["--meter", "1"], [], "several meters on one wire need an address each"),
        (["--meter", "1"], ["--meter", "1"], "there is a meter with the address 1"),
    ],
)
def test_meters_that_could_not_be_told_apart_are_refused(first, second, said, config):
    new("House", config, *first)
    before = config.read_text()

    done = new("Heat pump", config, *second, "--add")

    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert (Device.objects.count(), config.read_text()) == (1, before)


def test_fifth_meter_is_refused(config):
    for number in range(1, 5):
        add = ["--add"] if number > 1 else []
        assert new(f"Meter {number}", config, "--meter", number, *add).exit_code == 0

    assert "a board reads 4 meters at most" in new("Fifth", config, "--meter", 5, "--add").stderr


def test_settings_of_another_board_are_not_overwritten(config):
    new("House", config)
    before = config.read_text()

    done = new("Other", config)

    assert done.exit_code == 1
    assert f"{config} is there already" in done.stderr
    assert (Device.objects.count(), config.read_text()) == (1, before)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("https://energy.example", "no room for TLS"),
        ("192.168.1.10:8000", "write http://HOST:PORT"),
        ("http://127.0.0.1:8000", "that is this machine itself"),
        ("http://localhost:8000", "that is this machine itself"),
        ("http://", "write http://HOST:PORT"),
        ("http://my host:8000", "write http://HOST:PORT"),
        ("http://192.168.1.10:80a", "write http://HOST:PORT"),
    ],
)
def test_address_no_board_could_reach_is_refused(server, said, config):
    done = new("House", config, server=("--server", server))

    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert not Device.objects.exists()
    assert not config.exists()


@pytest.mark.parametrize("server", ["http://192.168.1.10", "http://192.168.1.10:8000/login"])
def test_address_that_is_rarely_meant_is_told(server, config):
    done = new("House", config, server=("--server", server))

    assert done.exit_code == 0
    assert f"the board will post to {server}/api/energy-data/" in done.stderr


def test_password_no_network_has_is_refused(config):
    done = new("House", config, stdin="short\n")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "shorter than 8 characters" in done.stderr
    assert not Device.objects.exists()


def test_no_device_is_made_where_its_settings_cannot_be_written(tmp_path):
    done = new("House", tmp_path / "nowhere" / "config.json")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot be written: No such file or directory" in done.stderr
    assert not Device.objects.exists()


def test_name_that_is_none_is_refused(config):
    done = new(" ", config)

    assert done.exit_code == 1
    assert not config.exists()


@pytest.fixture
def meter():
    with VirtualPzem(synthetic_load(), energy_wh=0) as one:
        yield one


def test_address_is_set_and_read_back(meter):
    done = call("board", "address", 5, "--port", meter.open())

    assert (done.exit_code, done.stdout) == (0, "The meter answers as 5.\n"), done.output
    assert call("board", "address", 9, "--old", 5, "--port", meter.open()).exit_code == 0


def test_meter_that_does_not_answer_is_named(meter, monkeypatch):
    monkeypatch.setattr("wattkeep.cli.board_address.ANSWER_S", 0.05)

    done = call("board", "address", 9, "--old", 77, "--port", meter.open())

    assert done.exit_code == 1
    assert "Is there mains on its screw terminals?" in done.stderr


@pytest.mark.parametrize("port", ["/dev/no-such-port", "/dev/null"])
def test_port_that_is_none_is_named(port):
    done = call("board", "address", 9, "--port", port)

    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {port} ")


def test_console_opens_the_prompt(tmp_path, monkeypatch):
    tools = Tools(tmp_path, monkeypatch)

    done = call("board", "console", "--port", "/dev/ttyUSB7")

    assert done.exit_code == 0
    assert "hold FLASH" in done.stderr
    assert tools.asked() == [["mpremote", "connect", "/dev/ttyUSB7", "resume", "repl"]]


def test_console_says_so_when_there_is_no_board(tmp_path, monkeypatch):
    tools = Tools(tmp_path, monkeypatch)
    tools.set(failing="repl")

    done = call("board", "console", "--port", "/dev/ttyUSB7")

    assert done.exit_code == 1
    assert "/dev/ttyUSB7 could not be used" in done.stderr
