"""A server that takes envelopes by the protocol, but for what it is told to do before."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

HANG_UP = object()


@dataclass
class Post:
    """One request as it arrived."""

    body: dict
    headers: dict
    at_s: float


@dataclass
class Scripted:
    """`script` holds (status, headers, body) or HANG_UP for the next requests; then it behaves."""

    script: list = field(default_factory=list)
    posts: list = field(default_factory=list)
    url: str = ""
    tasks: list = field(default_factory=list)
    _stored: dict = field(default_factory=dict)

    async def serve(self, reader, writer):
        self.tasks.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")[1:-2]
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.posts.append(Post(body, headers, time.monotonic()))
                answer = self.script.pop(0) if self.script else self.take(body)
                if answer is HANG_UP:
                    break
                writer.write(as_http(*answer))
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def take(self, body):
        stored = self._stored.setdefault(body["boot"], set())
        rows = body["readings"]
        if rows[0][9] & 4:
            stored.update(range(1, rows[0][0]))
        known = sum(row[0] in stored for row in rows)
        stored.update(row[0] for row in rows)
        ack = 0
        while ack + 1 in stored:
            ack += 1
        verdict = {"ack": ack, "accepted": len(rows) - known, "duplicates": known, "rejected": []}
        return 201, {}, {"status": "success", **verdict}


def as_http(status, headers, body):
    content = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@asynccontextmanager
async def scripted(*script):
    told = Scripted(list(script))
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told.url = f"http://127.0.0.1:{port}"
    try:
        yield told
    finally:
        server.close()
        # They end when the other side has hung up.
        await asyncio.gather(*told.tasks)
