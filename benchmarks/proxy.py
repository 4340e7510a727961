"""A way to the local AWS that is as far off as a real one: it counts connections and requests, and adds latency to both.

Runs on a thread of its own. A client's connection is kept alive, as AWS's are; the emulator gets one for each request.
Which calls the requests were is in the emulator's own log.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from urllib.parse import urlsplit

HOST = "127.0.0.1"
LONGEST_HEAD = 1 << 20


class Proxy:
    """Context manager; ``url`` is where it listens.

    ``latency``: seconds that each request waits, and a new connection twice that; may be changed at any time. ``connections`` and
    ``requests``: how many there were since ``clear``.
    """

    def __init__(self, target: str, latency: float = 0.0) -> None:
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self.latency = latency
        self.url = ""
        self.clear()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="proxy")
        self._ready = threading.Event()

    def clear(self) -> None:
        """Count from 0 again."""
        self.connections = 0
        self.requests = 0

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, HOST, 0, limit=LONGEST_HEAD, backlog=1024))
        self.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.latency:
                await asyncio.sleep(2 * self.latency)
            while request := await _message(reader, writer):
                self.requests += 1
                if self.latency:
                    await asyncio.sleep(self.latency)
                answer = await self._ask(request)
                if not answer:
                    return
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _ask(self, request: bytes) -> bytes:
        """The emulator's answer, empty when it closed the connection without one."""
        reader, writer = await asyncio.open_connection(*self._target, limit=LONGEST_HEAD)
        try:
            writer.write(request)
            answer = await _message(reader, None, bodiless=request.startswith(b"HEAD "))
        finally:
            writer.close()
        return _kept_alive(answer) if answer else b""


def _kept_alive(answer: bytes) -> bytes:
    """The answer of a server that closes each connection, as one of AWS's, which does not."""
    head, end, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    lines = [line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:"))]
    return b"\r\n".join([first.replace(b"HTTP/1.0", b"HTTP/1.1"), *lines]) + end + body


async def _message(reader: asyncio.StreamReader, waiting: asyncio.StreamWriter | None, bodiless: bool = False) -> bytes:
    """The next request or answer, head and body; empty at the end of the connection.

    ``waiting``: who may want to be told to go on.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
    if waiting and headers.get("expect", "").lower() == "100-continue":
        waiting.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
    if bodiless or (first.startswith("HTTP/") and first.split()[1] in ("204", "304")):
        return head
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return head + await _chunks(reader)
    if "content-length" in headers:
        return head + await reader.readexactly(int(headers["content-length"]))
    return head  # The emulator always tells the length; a request without one has no body.


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body
