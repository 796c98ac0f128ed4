"""Weights in files, and the function that they are: read, moved by an element, run, written."""
