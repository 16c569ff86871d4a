"""A real HTTP server for tests, which answers as scripted and keeps what it received."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: An answer that never comes while the server lives.
HANG = -1


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """The server; each request takes the next answer, and the last one stays.

    Attributes:
        answers: HTTP status codes, or `HANG`.
        received: the requests, the first one first.
    """

    answers: Sequence[int]
    port: int = 0
    received: list[Received] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, received: Received) -> int:
        """Keep a request and return its answer."""
        self.received.append(received)
        return self.answers[min(len(self.received), len(self.answers)) - 1]


@contextmanager
def receiver(*answers: int) -> Iterator[Receiver]:
    """Serve on this machine until the block ends; the answer is 200 by default."""
    state = Receiver(answers or (200,))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = state.take(Received(self.path, headers, body))
            if status == HANG:
                state.ended.wait(30)
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{state.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
