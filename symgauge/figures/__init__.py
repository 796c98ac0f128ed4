"""Figures of a derivation, as LaTeX pictures that need no package and as SVG."""
