"""What the kernels of the chapters start from under `pytest --nbval`."""

from tools import notebooks

notebooks.prepare()
