"""A relay to a broker that tests can cut, hold and close, since the broker is shared."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread


class Relay:
    """Listens on ``port`` and passes data to a server and back."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._door = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._door.getsockname()[1]
        self._open = Event()
        self._open.set()
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Break every connection, as a restart of the broker does."""
        for connection in list(self._sockets):
            with suppress(OSError):  # already broken
                connection.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def hold(self) -> None:
        """Pass on nothing: connections are accepted and never answered."""
        self._open.clear()

    def close(self) -> None:
        """Break every connection and refuse new ones."""
        if self._ended:
            return
        self._ended = True
        self._door.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread; close does not
        self._open.set()
        self._threads[0].join()  # first, so that it starts no more threads
        self._door.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._sockets += client, server
            for pair in ((client, server), (server, client)):
                self._threads.append(Thread(target=self._pass_on, args=pair))
                self._threads[-1].start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with source, suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
