"""Process requests with Celery: ``PROCESSOR = "pickyassist_webhooks.engines.celery.enqueue"``.

The worker of your Celery app finds the task by ``autodiscover_tasks()``. The queue is only a hint:
the sweep processes requests that the queue loses.
"""

from __future__ import annotations

from celery import shared_task
from kombu.pools import producers, set_limit

from ..ingest import process

# Seconds for one step towards the broker (of three at most), and for the wait for a free
# connection: the sender waits five seconds for our answer.
_SECONDS = 1.0
_SECONDS_IN_LINE = 0.5

# Without these, Redis, or RabbitMQ short of memory, can block for ever, and RabbitMQ loses a task
# that is written to a connection it has just closed. Each transport reads only its own. Only for
# publishing: a worker waits longer than this for a task.
_OPTIONS = {
    "socket_connect_timeout": _SECONDS,
    "socket_timeout": _SECONDS,
    "read_timeout": _SECONDS,
    "write_timeout": _SECONDS,
    "confirm_publish": True,
}

# If the broker is down, give up quickly. One retry is enough if the broker has closed a pooled
# connection.
_RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0}


# Not acks_late: the task of a crashed worker would return while its lease is still held.
@shared_task(name="pickyassist_webhooks.process", ignore_result=True)  # type: ignore[untyped-decorator]
def process_request(request_pk: int) -> None:
    """Process one request, if it is due."""
    process(request_pk)


def enqueue(request_pk: int) -> None:
    """Queue a request for a Celery worker. Raises the errors of the broker."""
    app = process_request.app
    connection = app.connection_for_write(connect_timeout=_SECONDS, transport_options=_OPTIONS)
    set_limit(app.conf.broker_pool_limit)  # type: ignore[no-untyped-call]
    with producers[connection].acquire(block=True, timeout=_SECONDS_IN_LINE) as producer:
        process_request.apply_async(
            (request_pk,), producer=producer, retry=True, retry_policy=_RETRY_ONCE
        )
