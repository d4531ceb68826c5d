"""F4: one file per resource; each translates a request to one call of a manager."""
