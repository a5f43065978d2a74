"""Have Celery process the requests: ``PROCESSOR = "pickyassist_webhooks.engines.celery.enqueue"``.

The worker of your Celery app finds the task by ``autodiscover_tasks()``. The queue is only a hint:
what it loses the sweep takes up.
"""

from __future__ import annotations

from celery import shared_task
from kombu.pools import producers, set_limit

from ..ingest import process

# Seconds that one step towards the broker may take, three at worst, and those that a free
# connection may be waited for: the sender gives our answer five.
_SECONDS = 1.0
_SECONDS_IN_LINE = 0.5

# Without these Redis, or RabbitMQ short of memory, is waited for without end. Each transport reads
# its own and leaves the others. Only for publishing: a worker waits longer than this for a task.
_TIMEOUTS = {
    "socket_connect_timeout": _SECONDS,
    "socket_timeout": _SECONDS,
    "read_timeout": _SECONDS,
    "write_timeout": _SECONDS,
}

# A broker that is down must be given up on quickly. One more try mends a pooled connection that
# the broker has closed meanwhile.
_RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0}


# Not acks_late: a task that was lost with its worker would come back while the row is still held.
@shared_task(name="pickyassist_webhooks.process", ignore_result=True)  # type: ignore[untyped-decorator]
def process_request(request_pk: int) -> None:
    """Process one request, if it is due."""
    process(request_pk)


def enqueue(request_pk: int) -> None:
    """Hand a request to a Celery worker. Raises what the broker raises."""
    app = process_request.app
    connection = app.connection_for_write(connect_timeout=_SECONDS, transport_options=_TIMEOUTS)
    set_limit(app.conf.broker_pool_limit)  # type: ignore[no-untyped-call]
    with producers[connection].acquire(block=True, timeout=_SECONDS_IN_LINE) as producer:
        process_request.apply_async(
            (request_pk,), producer=producer, retry=True, retry_policy=_RETRY_ONCE
        )
