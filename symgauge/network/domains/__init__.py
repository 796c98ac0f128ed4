"""Number systems over which a program is evaluated: one domain a file."""
