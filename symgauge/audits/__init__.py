"""Whether a change of weights left the function alone, by which element, or what spoilt it.

`audit` decides, `fit` finds the element that carries one set of weights to another.
"""
