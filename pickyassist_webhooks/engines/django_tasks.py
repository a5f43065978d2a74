"""Process requests with Django Tasks.

``PROCESSOR = "pickyassist_webhooks.engines.django_tasks.enqueue"``, with a backend in ``TASKS``.
The queue is only a hint: the sweep processes requests that the queue loses.
"""

from __future__ import annotations

try:
    from django.tasks import task
except ImportError:  # before Django 6
    from django_tasks import task  # type: ignore[no-redef]

from ..ingest import process


@task
def process_request(request_pk: str) -> None:
    """Process one request, if it is due. Its id is text: not every backend accepts all JSON."""
    process(int(request_pk))


def enqueue(request_pk: int) -> None:
    """Queue a request on the default backend. Raises the errors of the backend."""
    process_request.enqueue(str(request_pk))
