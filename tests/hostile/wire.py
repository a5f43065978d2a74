"""HTTP by hand: bytes on a socket that no client library would send."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from tests.requests import url

SECONDS = 30


@dataclass
class Answer:
    """An answer; ``content`` is its body if that is a JSON object, else empty."""

    status: int
    content: dict[str, Any]


def head(
    *headers: str, version: str = "1.1", content_type: str = "application/json", to: str = ""
) -> bytes:
    lines = [
        f"POST {to or url()} HTTP/{version}",
        "Host: localhost",
        f"Content-Type: {content_type}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def with_length(body: bytes, *headers: str, **named: Any) -> bytes:
    """Return a complete request."""
    return head(f"Content-Length: {len(body)}", *headers, **named) + body


def chunks(body: bytes, size: int) -> bytes:
    """Return a body in chunks, without the last, empty chunk."""
    parts = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def in_chunks(body: bytes, size: int = 7) -> bytes:
    """Return a complete request without a length."""
    return head("Transfer-Encoding: chunked") + chunks(body, size) + b"0\r\n\r\n"


class Wire:
    """One connection."""

    def __init__(self, port: int, seconds: float) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._file: BinaryIO = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send as much as the server accepts: it may answer and close before the end."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def end(self) -> None:
        """Close the connection for writing, but not for reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection with a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self.socket.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def answer(self) -> Answer | None:
        """Return the next answer, or ``None`` if the server closed the connection."""
        try:
            line = self._file.readline()
            if not line:
                return None
            status = int(line.split()[1])
            # Without a length the body ends with the connection.
            length = 0 if status < 200 else -1
            while (line := self._file.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = self._file.read(length)
        except ConnectionResetError:
            return None
        return Answer(status, json.loads(body) if body.startswith(b"{") else {})

    def answers(self) -> Iterator[Answer]:
        """Yield each answer until the server closes the connection."""
        while (answer := self.answer()) is not None:
            yield answer


@contextmanager
def wire(port: int, seconds: float = SECONDS) -> Iterator[Wire]:
    connection = Wire(port, seconds)
    try:
        yield connection
    finally:
        connection.close()


def ask(port: int, data: bytes, seconds: float = SECONDS) -> Answer | None:
    """Send data and return the first answer."""
    with wire(port, seconds) as connection:
        connection.send(data)
        return connection.answer()
