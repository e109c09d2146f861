"""What is measured in minutes rather than seconds: speed, quality for time, coverage."""

import datetime
import importlib.metadata
import os
import platform


def provenance(command, **settings):
    """What numbers depend on besides the code, to be kept beside them."""
    import torch

    return {
        "command": command,
        "gancode": importlib.metadata.version("gancode"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        **settings,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
