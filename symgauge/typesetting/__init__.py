"""Drawings as LaTeX pictures that need no package and as SVG; PDFs by the engine at hand."""
