"""Number systems, and a program evaluated in them: values, tangents, cotangents, flows."""
