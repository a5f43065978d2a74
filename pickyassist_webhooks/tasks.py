"""The tasks of this app, for Celery's ``autodiscover_tasks``."""

try:
    from .engines.celery import process_request  # noqa: F401
except ModuleNotFoundError as err:
    # Other task queues import this module too, in projects without Celery.
    if err.name != "celery":
        raise
