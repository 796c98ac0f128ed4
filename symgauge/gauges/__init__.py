"""Weights moved along their orbit on purpose: recipes, a representative, two sets aligned."""
