"""LaTeX: escapes, drawings without a package and as SVG, PDFs by the engine at hand."""
