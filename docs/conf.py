"""Sphinx: how the documentation is built (``nox -s docs``).

The tutorials are run while it is built; an error in one of them, or anything on its standard error, fails the build.
"""

import atexit
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from hdmf_store import __version__

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

project = "hdmf-store"
copyright = "hdmf-store contributors"
release = version = __version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "report"]
exclude_patterns = ["_build", "_ext", "_ipython"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc shows what the docstrings say of types
numpydoc_show_class_members = False
autosummary_generate = False  # numpydoc brings autosummary along; no page is generated

html_theme = "pydata_sphinx_theme"
html_title = "hdmf-store"
html_show_copyright = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": [],
    "footer_end": [],
}
html_sidebars = {"index": []}

# Links to other sites are checked by `nox -s links`; a slow site is no broken link.
linkcheck_timeout = 30
linkcheck_retries = 2
linkcheck_anchors = False

# --- Tutorials -------------------------------------------------------------------------------------------------------

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = "warn"

(recording,) = (DOCS.parent / "examples").glob("*.nwb")
_ipython = tempfile.mkdtemp(prefix="ipython-")  # IPython writes its history there
atexit.register(shutil.rmtree, _ipython, ignore_errors=True)
shutil.copytree(DOCS / "_ipython", _ipython, dirs_exist_ok=True)
os.environ.update(
    HDMF_STORE_RECORDING=str(recording),
    IPYTHONDIR=_ipython,
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    AWS_EC2_METADATA_DISABLED="true",  # no page asks a cloud who it is
    AWS_CONFIG_FILE="none",
    AWS_SHARED_CREDENTIALS_FILE="none",
    NO_COLOR="1",
)
importlib.import_module("matplotlib.font_manager")  # its first import looks for fonts, and says so in the page
