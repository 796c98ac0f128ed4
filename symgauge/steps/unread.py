"""Unread: what the second reading does not read. It says nothing about the record."""

from __future__ import annotations


class Unread(Exception):
    """A line or a record that is not read; the words say which and why."""
