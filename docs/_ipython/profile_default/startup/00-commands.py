"""In the tutorials a command after ``!`` that fails is an error, as in a script with ``set -e``."""

import os
import subprocess

_shell = get_ipython()  # noqa: F821  IPython has it
for _name in ("FORCE_COLOR", "CLICOLOR_FORCE"):  # the kernel's wish for colours and bars, which a page does not show
    os.environ.pop(_name, None)


def _system(command):
    words = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(_shell.var_expand(command, depth=1), shell=True, **words)
    print(done.stdout, end="")
    done.check_returncode()


_shell.system = _system
