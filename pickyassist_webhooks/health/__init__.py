"""The health of the receiving: one condition for each thing that can go wrong."""

from .reports import report

__all__ = ["report"]
