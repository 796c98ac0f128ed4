"""Identities between functions: which values of a program others are made of."""
