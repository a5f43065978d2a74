"""Read bytes and texts into events. Pure: no settings, no database."""
