"""Where Celery's ``autodiscover_tasks`` looks for the tasks of an app."""

from .engines.celery import process_request

__all__ = ["process_request"]
