"""What holds for every test, whichever are asked for: how many processes they run in, and what
the processes and kernels that they start inherit."""

import os
import sys
from pathlib import Path

import nbval.kernel

from tools import notebooks

# Two files run at once: each, and every notebook kernel it starts, keeps to one core, and does not
# spin while it waits for it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The tests start some hundred processes and kernels. Each reads what the first has compiled, also
# where the environment (of many a container) asks that nothing compiled be kept: that takes longer
# than the imports themselves.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

nbval.kernel.KernelManager = notebooks.Kernel


def pytest_xdist_auto_num_workers(config):
    """Two; a single file runs in this one."""
    asked = [str(each).partition("::")[0] for each in config.args]
    return 0 if len(set(asked)) == 1 and Path(asked[0]).is_file() else 2
