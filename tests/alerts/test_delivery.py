"""What is sent arrives: at a mail server and a web address on loopback, through failures."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.receiving import PATIENCE_S, MailServer, Webhook
from alerts.telling import NOON, SECOND, make_channel, open_incident
from wattkeep.alerts.notify_channels import AddressRefusedError, open_address, shown_address
from wattkeep.alerts.notify_send import Message, send
from wattkeep.alerts.outbox import deliver_due
from wattkeep.monitoring.models import Notification

TESTS = Path(__file__).resolve().parents[1]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n pretended").decode()


@pytest.fixture
def webhook():
    with Webhook() as server:
        yield server


@pytest.fixture
def mail_server():
    with MailServer() as server:
        yield server


@pytest.mark.django_db
def test_mail_and_webhook_receive_what_was_sent(owner, device, webhook, mail_server):
    make_channel(owner, webhook.url)
    make_channel(owner, mail_server.url)
    open_incident(device, NOON)

    deliver_due(NOON + 11 * SECOND)

    [posted] = webhook.received
    [(recipients, mail)] = mail_server.received
    subject = "High power: 6,543 W (limit 5,000 W) · House"
    assert (posted["title"], mail["Subject"], recipients) == (
        subject,
        subject,
        ["ada@home.example"],
    )
    assert "Since 11:59 on Mon 23 Nov." in posted["message"]
    assert "Since 11:59 on Mon 23 Nov." in mail.get_body(("plain",)).get_content()


def test_report_is_html_with_its_charts_inside(mail_server):
    html = f'<p>42 kWh</p><img alt="chart" src="data:image/png;base64,{PIXEL}">'

    outcome = send(Message("1", 1, mail_server.url, "Week 47", "42 kWh", html))

    [(_, mail)] = mail_server.received
    images = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    shown = mail.get_body(("html",)).get_content()
    assert outcome.error == ""
    assert mail.get_content_type() == "multipart/related"
    assert [part.get_content() for part in images] == [base64.b64decode(PIXEL)]
    assert f'src="cid:{images[0]["Content-ID"].strip("<>")}"' in shown
    assert images[0].get_content_disposition() == "inline"
    assert "42 kWh" in mail.get_body(("plain",)).get_content()


def test_refusal_is_told_in_words(webhook, mail_server):
    webhook.is_refusing = mail_server.is_refusing = True

    outcomes = [send(Message("1", 1, url, "a", "b")) for url in (webhook.url, mail_server.url)]

    assert [bool(one.error) and not one.is_final for one in outcomes] == [True, True]
    assert "500" in outcomes[0].error
    assert "secret-token" not in outcomes[0].error


class Deliverer:
    """Processes of one installation, one after the other."""

    def __init__(self, folder):
        names = {name for name in os.environ if name.startswith("WATTKEEP_")}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in names},
            "WATTKEEP_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "wattkeep.settings",
            "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)]),
        }

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, TESTS / "alerts/deliverer.py", *map(str, words)],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words):
        with self.start(*words) as process:
            out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        return json.loads(out) if out else None


def test_ten_failures_and_a_killed_process_later_it_arrives_once(tmp_path, webhook, mail_server):
    processes = Deliverer(tmp_path)
    processes.run("make", webhook.url, mail_server.url)
    webhook.is_refusing = mail_server.is_refusing = True
    hour = 3600
    processes.run("deliver", 11, *(hour * number for number in range(1, 5)))
    webhook.is_asked.clear()
    webhook.is_hanging = True
    with processes.start("deliver", 6 * hour) as killed:
        assert webhook.is_asked.wait(PATIENCE_S)
        killed.send_signal(signal.SIGKILL)
    webhook.is_hanging = False
    processes.run("deliver", *(hour * number for number in range(7, 12)))
    before = processes.run("show")
    webhook.is_refusing = mail_server.is_refusing = False

    processes.run("deliver", 13 * hour, 14 * hour, 15 * hour)
    processes.run("recover", 16 * hour)
    processes.run("deliver", 17 * hour, 18 * hour)

    assert before == [["opened", 11, False]] * 2
    titles = [posted["title"].partition(":")[0] for posted in webhook.received]
    subjects = [mail["Subject"].partition(":")[0] for _, mail in mail_server.received]
    assert (titles, subjects) == (["High power", "Over"],) * 2
    assert processes.run("show") == [
        *[["opened", 12, True]] * 2,
        *[["recovered", 1, True]] * 2,
    ]


REFUSED = {
    "local bus": "dbus://",
    "log": "syslog://",
    "desktop": "windows://",
    "key file": "fcm://project/device?mode=oauth2&keyfile=/etc/passwd",
    "template file": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=/etc/passwd",
    "key on disk": "mailtos://a:b@mail.example?pgp=sign&to=c@d.example",
    "follows elsewhere": "json://home.example/?redirect=yes",
    "waits by itself": "json://home.example/?RETRY=5",
    "plus": "fcm://project/device?mode=oauth2&+keyfile=/etc/passwd",
    "file": "file:///etc/passwd",
    "no scheme": "home.example/hook",
    "nothing": "",
    "unfinished": "tgram://",
    "endless": f"json://home.example/{'a' * 3000}",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_address_that_reaches_into_the_machine_or_nowhere_is_refused(url):
    with pytest.raises(AddressRefusedError):
        open_address(url)


SHOWN = {
    "json://home.example/hook/secret-token": "JSON, home.example",
    "mailtos://me:secret@mail.example?to=ada@home.example": "E-Mail → ada@home.example",
    "ntfys://secret@ntfy.example/secret-topic": "ntfy, ntfy.example",
    "tgram://123456789:secretsecretsecret_secretsecret/42": "Telegram, 1...t",
}


@pytest.mark.parametrize(("url", "shown"), SHOWN.items(), ids=[url[:6] for url in SHOWN])
def test_address_is_shown_without_its_secrets(url, shown):
    assert shown_address(url) == shown


@pytest.mark.django_db
def test_address_is_stored_encrypted(owner):
    channel = make_channel(owner, "json://home.example/hook/secret-token")

    assert b"home.example" not in bytes(channel.url_encrypted)
    assert not Notification.objects.exists()
