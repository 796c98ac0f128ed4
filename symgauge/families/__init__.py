"""Families of symmetries: their element, their moves, their vector fields, their plain data."""
