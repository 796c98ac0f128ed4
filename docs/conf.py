"""Sphinx settings. Nothing is fetched: not by the build, and not by who reads the pages."""

import sys
from pathlib import Path

import symgauge

sys.path.insert(0, str(Path(__file__).resolve().parent / "_ext"))

project = "symgauge"
author = "The symgauge authors"
copyright = "2026, The symgauge authors"
version = release = symgauge.__version__

extensions = ["sphinx.ext.autodoc", "sphinx_copybutton", "mathml", "proof", "shares"]
exclude_patterns = ["_build", "benchmarks"]
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
# blocks that show answers too: the button copies what is typed
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"symgauge {version}"
html_static_path = ["_static"]
html_css_files = ["symgauge.css"]
html_show_sourcelink = False
