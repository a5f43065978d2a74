"""Have Celery process the requests: ``PROCESSOR = "pickyassist_webhooks.engines.celery.enqueue"``.

The worker of your Celery app finds the task by ``autodiscover_tasks()``. The queue is only a hint:
what it loses the sweep takes up.
"""

from __future__ import annotations

from celery import shared_task

from ..ingest import process

# The sender waits for our answer, so a broker that is down must be given up on quickly. One more
# try mends a pooled connection that the broker has closed meanwhile.
_RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0}


@shared_task(name="pickyassist_webhooks.process", ignore_result=True)  # type: ignore[untyped-decorator]
def process_request(request_pk: int) -> None:
    """Process one request, if it is due."""
    process(request_pk)


def enqueue(request_pk: int) -> None:
    """Hand a request to a Celery worker. Raises what the broker raises."""
    process_request.apply_async((request_pk,), retry_policy=_RETRY_ONCE)
