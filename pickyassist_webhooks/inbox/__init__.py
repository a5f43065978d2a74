"""A request on its way: decided, stored, announced; and the sweep, the spool, and failed calls."""
