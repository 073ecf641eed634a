"""A real nginx with the configuration that is shipped, in front of servers of the tests."""

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import urllib3

from deploy.serving import wait_until
from running import PATIENCE_S, Site, free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BINARY = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def replace(text, *pairs):
    """Return text in which each pattern was found, and replaced."""
    for pattern, by in pairs:
        text, count = re.subn(pattern, by, text)
        assert count, f"{pattern} is not in the file"
    return text


class Nginx:
    """What `deploy/nginx.conf` makes of an nginx, at other ports and for other servers."""

    def __init__(self, folder, servers, tls_port=None):
        self.folder = folder
        self.port, self.tls_port = free_port(), tls_port or free_port()
        (folder / "conf.d").mkdir()
        self._make_certificate()
        site = replace(
            (DEPLOY / "nginx.conf").read_text(),
            (r"\n    listen \[::\]:[^\n]+", ""),
            (r"listen 80 ", f"listen 127.0.0.1:{self.port} "),
            (r"listen 443 ", f"listen 127.0.0.1:{self.tls_port} "),
            (r"/etc/nginx/tls/", f"{folder}/"),
            (r"/var/cache/nginx/", f"{folder}/cache-"),
        )
        (folder / "conf.d/wattkeep.conf").write_text(site)
        self.point_at(servers)
        places = "".join(
            f"    {kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # What distributions have in nginx.conf, for one user and in the foreground.
        (folder / "nginx.conf").write_text(
            f"{'user root;' if os.getuid() == 0 else ''}\ndaemon off;\n"
            f"pid {folder}/pid;\nerror_log {folder}/error.log warn;\n"
            f"worker_processes 2;\nevents {{ worker_connections 512; }}\n"
            f"http {{\n{places}    access_log off;\n    types {{ text/html html; }}\n"
            f"    include {folder}/conf.d/*.conf;\n}}\n"
        )

    def _make_certificate(self):
        words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", self.folder / "privkey.pem", "-out", self.folder / "fullchain.pem"]
        subprocess.run([*words.split(), *names, *files], check=True, capture_output=True)

    def point_at(self, servers):
        text = (DEPLOY / "nginx-upstream.conf").read_text()
        first, second = servers
        upstream = replace(text, (r"127\.0\.0\.1:8001", first), (r"127\.0\.0\.1:8002", second))
        (self.folder / "conf.d/wattkeep-upstream.conf").write_text(upstream)

    def command(self, *words):
        return [BINARY, "-p", self.folder, "-c", self.folder / "nginx.conf", *words]

    def check(self):
        """Return what `nginx -t` says."""
        done = subprocess.run(
            self.command("-t"), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return done.returncode, done.stderr

    def errors(self):
        return self.check()[1] + (self.folder / "error.log").read_text()

    def __enter__(self):
        self.process = subprocess.Popen(self.command(), stderr=subprocess.DEVNULL)
        try:
            wait_until(self._answers)
        except BaseException:
            self.process.kill()
            raise
        return self

    def _answers(self):
        assert self.process.poll() is None, self.errors()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(PATIENCE_S)


class Browser(Site):
    """Somebody at the address with TLS."""

    def __init__(self, nginx):
        super().__init__(f"https://localhost:{nginx.tls_port}")
        self.certificate = str(nginx.folder / "fullchain.pem")
        self._http = urllib3.PoolManager(
            retries=False, timeout=PATIENCE_S, ca_certs=self.certificate
        )

    def request(self, method, path, body=None, headers=None):
        return super().request(method, path, body, {"Origin": self.url, **(headers or {})})

    @property
    def cookie(self):
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())
