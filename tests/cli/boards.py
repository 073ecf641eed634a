"""What tests of `wattkeep board` share: calling it, a board's settings, tools that only pretend."""

import json
import stat
import sys

from click.testing import CliRunner

from wattkeep.cli import wattkeep

SETTINGS = {
    "wifi_ssid": "home",
    "wifi_password": "secret-of-the-house",
    "server": "http://192.168.1.10:8000",
    "interval_s": 10,
    "meters": [{"address": 248, "key": "abcd2345_kmnp"}],
}
# Writes down what it was asked; says and does what the test laid beside it.
FAKE = """\
#!{python} -IS
import json, pathlib, sys
folder = pathlib.Path({folder!r})
name = pathlib.Path(sys.argv[0]).name
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
words = " ".join(sys.argv)
print("Detected flash size: " + (folder / "flash-size").read_text())
failing = json.loads((folder / "failing").read_text())
if failing and failing in words:
    sys.exit("A fatal error occurred: " + failing)
if "silent" not in words:
    print((folder / "says").read_text())
"""


def call(*words, stdin=None):
    done = CliRunner().invoke(wattkeep, list(map(str, words)), input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


class Tools:
    """`esptool` and `mpremote` on the PATH that record what they are asked."""

    def __init__(self, folder, patch):
        self.folder = folder
        for name in ("esptool", "mpremote"):
            path = folder / name
            path.write_text(FAKE.format(python=sys.executable, folder=str(folder)))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self.set(failing="", says="WATTKEEP-OK", flash_size="4MB")
        patch.setenv("PATH", str(folder))

    def set(self, *, failing=None, says=None, flash_size=None):
        if failing is not None:
            (self.folder / "failing").write_text(json.dumps(failing))
        if says is not None:
            (self.folder / "says").write_text(says)
        if flash_size is not None:
            (self.folder / "flash-size").write_text(flash_size)

    def asked(self):
        """Return what they were asked, in order."""
        path = self.folder / "asked"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]
