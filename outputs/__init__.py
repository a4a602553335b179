"""What jobs write: one module a format, each with check and merge."""
