"""Weights in files: whether a change left the function alone, by which element, or what spoilt it.

`audit` decides, `fit` finds the element that carries one set of weights to another.
"""
