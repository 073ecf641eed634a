"""A mail server and a web address on loopback that keep what they are sent, or refuse it."""

import json
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

PATIENCE_S = 60


class _Kept:
    """What both have: what arrived, and whether they are in the mood."""

    daemon_threads = True

    def __init__(self, *args):
        self.received = []
        self.asked = 0
        self.is_refusing = False
        self.is_hanging = False
        # Whoever holds it holds every answer; a sender that was cut off then was not answered.
        self.gate = threading.Lock()
        self.cuts = 0
        self.is_asked = threading.Event()
        self.is_over = threading.Event()
        super().__init__(*args)

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.shutdown()
        self._thread.join(PATIENCE_S)
        self.server_close()

    @property
    def port(self):
        return self.server_address[1]


class Webhook(_Kept, ThreadingHTTPServer):
    """Takes JSON by POST; answers 500, or not at all, when told so."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Hook)

    @property
    def url(self):
        return f"json://127.0.0.1:{self.port}/hook/secret-token"


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.is_asked.set()
        if self.server.is_hanging:
            self.server.is_over.wait(PATIENCE_S)
            return
        cuts = self.server.cuts
        with self.server.gate:
            if self.server.cuts != cuts:
                self.close_connection = True
                return
            self._answer(json.loads(body))

    def _answer(self, body):
        if not self.server.is_refusing:
            self.server.received.append(body)
        self.send_response(500 if self.server.is_refusing else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class MailServer(_Kept, ThreadingTCPServer):
    """Speaks enough SMTP to take mail, or to refuse it."""

    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Mail)

    @property
    def url(self):
        return (
            f"mailto://127.0.0.1:{self.port}/?smtp=127.0.0.1&mode=insecure"
            "&from=wattkeep@home.example&to=ada@home.example"
        )


class _Mail(StreamRequestHandler):
    def handle(self):
        self._say(220, "ready")
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO", b"MAIL", b"RSET", b"NOOP"}:
                self._say(250, "ok")
            elif verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
                refused = self.server.is_refusing
                self._say(*((550, "no such mailbox") if refused else (250, "ok")))
            elif verb == b"DATA":
                self._say(354, "go on")
                self._keep(recipients)
                self._say(250, "taken")
            elif verb == b"QUIT":
                self._say(221, "bye")
                return
            else:
                self._say(502, "not here")

    def _keep(self, recipients):
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        self.server.received.append((list(recipients), mail))

    def _say(self, code, words):
        self.wfile.write(f"{code} {words}\r\n".encode())
