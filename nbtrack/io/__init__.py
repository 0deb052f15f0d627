"""File formats: one module a format, and the registry behind `read` and `write`."""
