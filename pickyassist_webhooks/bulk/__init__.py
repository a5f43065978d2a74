"""One writer of rows in sets for each kind of database. All write the same rows."""
