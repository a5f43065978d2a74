"""The brokers to test Celery with, and the cleanup after a test."""

from __future__ import annotations

import socket
import uuid
from contextlib import closing
from urllib.parse import urlsplit

import redis
from kombu import Connection

URLS = {
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
    "redis": "redis://127.0.0.1:6379/0",
}


class Broker:
    """One of ``URLS``, with a queue for this run only. Raises if there is no server."""

    def __init__(self, name: str) -> None:
        self.name, self.url = name, URLS[name]
        self.queue = f"pickyassist-tests-{uuid.uuid4()}"
        # RabbitMQ refuses a second worker with the same name, such as that of another run.
        self.node = f"--hostname={self.queue}@%h"
        url = urlsplit(self.url)
        self.address = (url.hostname or "", url.port or 0)
        try:
            socket.create_connection(self.address, timeout=5).close()
        except OSError as err:
            host = "{}:{}".format(*self.address)
            raise RuntimeError(f"cannot reach {name} at {host} ({err}); start it") from err

    def environment(self, port: int | None = None) -> dict[str, str]:
        """Return the environment for ``tests.engines.settings``, with another ``port`` if given."""
        url = self.url.replace(f":{self.address[1]}", f":{port or self.address[1]}")
        return {"ENGINES_BROKER": url, "ENGINES_QUEUE": self.queue}

    def tidy(self) -> None:
        """Delete the queue and all other data of this run."""
        if self.name == "redis":
            with closing(redis.Redis.from_url(self.url)) as server:
                for key in server.scan_iter(f"{self.queue}*"):
                    server.delete(key)
        else:
            with Connection(self.url) as connection:
                connection.default_channel.queue_delete(self.queue)
