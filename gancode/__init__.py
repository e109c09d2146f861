"""The calculus of generative adversarial networks: write an objective once, derive its theory,
train its loss.

Names are imported when they are first used, so `import gancode` alone loads neither torch nor
SymPy nor matplotlib.
"""

import importlib

_MODULES = (
    "calculus",
    "data",
    "losses",
    "metrics",
    "networks",
    "notebook",
    "penalties",
    "plots",
    "problems",
    "reports",
    "runs",
    "schedules",
    "training",
    "verdict",
)
_MODULE_OF = {
    "CheckpointError": "training.checkpoint",
    "DataRangeWarning": "errors",
    "GAN": "training.run",
    "Players": "training.steps",
    "Refused": "errors",
    "Run": "training.run",
    "ScheduleWarning": "schedules",
    "Settings": "training.settings",
    "evaluate": "runs",
    "load": "runs",
    "seed": "randomness",
    "train": "training.train",
    "Verdict": "verdict",
}

__all__ = ["__version__", *_MODULES, *_MODULE_OF]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"gancode.{name}")
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f"gancode.{_MODULE_OF[name]}"), name)
    elif name == "__version__":
        value = importlib.import_module("importlib.metadata").version("gancode")
    else:
        raise AttributeError(f"module 'gancode' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
