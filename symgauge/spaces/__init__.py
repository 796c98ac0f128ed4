"""Index spaces followed through a program: where each leg sits, and what is constant along it."""
