"""Where Celery's ``autodiscover_tasks`` looks for the tasks of an app."""

try:
    from .engines.celery import process_request  # noqa: F401
except ModuleNotFoundError as err:
    # Other task queues look here too, in projects that have no Celery.
    if err.name != "celery":
        raise
