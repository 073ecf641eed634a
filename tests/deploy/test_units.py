"""systemd's units: systemd understands them, and finds little to complain about."""

import re
import shutil
import socket
import subprocess

import pytest

from deploy.fronting import DEPLOY
from docs.test_words import check_command
from wattkeep.service_manager import tell_ready

UNITS = sorted(DEPLOY.glob("*.service"))
# Of 0 (safe) to 100, as `systemd-analyze security` counts.
MOST_EXPOSED = 20
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze here: apt-get install systemd"
)


def analyze(folder, *words):
    return subprocess.run(
        ["systemd-analyze", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def unit(request, tmp_path):
    """Return a unit's name in a folder where its programs exist."""
    text = request.param.read_text(encoding="utf-8")
    name = request.param.name.replace("@", "@8001")
    (tmp_path / name).write_text(text.replace("/opt/wattkeep/bin/wattkeep", "/bin/true"))
    return tmp_path / name


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem, indirect=True)
def test_systemd_understands_it(unit):
    done = analyze(unit.parent, "verify", f"./{unit.name}")

    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, complaints) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem, indirect=True)
def test_little_is_exposed(unit):
    threshold = f"--threshold={MOST_EXPOSED}"
    done = analyze(unit.parent, "security", "--offline=yes", threshold, f"./{unit.name}")

    assert done.returncode == 0, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_command_exists(unit):
    command = re.search(
        r"^ExecStart=/opt/wattkeep/bin/wattkeep (.*)$", unit.read_text(), re.MULTILINE
    )[1]

    check_command(command.replace("%i", "8001").split())


def test_units_are_hardened_alike():
    """What stands below the line about the user differs by nothing."""
    parts = {
        re.sub(
            r"^(#|User=).*\n",
            "",
            unit.read_text().partition("DynamicUser=yes")[2],
            flags=re.MULTILINE,
        )
        for unit in UNITS
    }

    assert len(parts) == 1


def test_systemd_is_told_that_the_server_takes_connections(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        tell_ready()

        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1"])
def test_nobody_to_tell_is_no_trouble(address, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    tell_ready()
