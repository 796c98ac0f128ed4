"""Sphinx settings: the theme that comes with Sphinx, and nothing from the network."""

import symgauge

project = "symgauge"
author = "The symgauge authors"
copyright = "2026, The symgauge authors"
version = release = symgauge.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
autodoc_member_order = "bysource"
