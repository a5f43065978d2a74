"""Have Django Tasks process the requests.

``PROCESSOR = "pickyassist_webhooks.engines.django_tasks.enqueue"``, with a backend in ``TASKS``.
The queue is only a hint: what it loses the sweep takes up.
"""

from __future__ import annotations

try:
    from django.tasks import task
except ImportError:  # before Django 6
    from django_tasks import task  # type: ignore[no-redef]

from ..ingest import process


@task
def process_request(request_pk: str) -> None:
    """Process one request, if it is due. The argument is text: not every backend takes all JSON."""
    process(int(request_pk))


def enqueue(request_pk: int) -> None:
    """Hand a request to a worker of the default backend. Raises what the backend raises."""
    process_request.enqueue(str(request_pk))
