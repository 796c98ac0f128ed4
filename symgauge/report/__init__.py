"""Print a derivation: LaTeX, terminal tables, the PDF.

Everything here reads plain data (the mapping of ``derivation.json``) and computes no mathematics:
what is printed is what was checked. Not for progress bars, and not for generating checks.
"""
