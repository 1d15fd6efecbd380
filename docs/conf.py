"""Sphinx: how the documentation is built (``nox -s docs``)."""

from hdmf_store import __version__

project = "hdmf-store"
copyright = "hdmf-store contributors"
release = version = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc shows what the docstrings say of types
numpydoc_show_class_members = False
autosummary_generate = False  # numpydoc brings autosummary along; no page is generated

html_theme = "pydata_sphinx_theme"
html_title = "hdmf-store"
html_show_copyright = False
html_show_sourcelink = False
