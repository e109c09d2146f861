"""The calculus of generative adversarial networks: write an objective once, derive its theory,
train its loss.

Names are imported when they are first used, so `import gancode` alone loads neither torch nor
SymPy nor matplotlib.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers, which do not run what is below
    from gancode import (
        anomaly,
        calculus,
        constraints,
        data,
        inversion,
        kernels,
        lipschitz,
        losses,
        metrics,
        networks,
        notebook,
        penalties,
        plots,
        problems,
        reports,
        runs,
        schedules,
        training,
        verdict,
    )
    from gancode.errors import DataRangeWarning, Refused
    from gancode.inversion import invert
    from gancode.randomness import seed
    from gancode.runs import evaluate, load
    from gancode.schedules import ScheduleWarning
    from gancode.training.checkpoint import CheckpointError
    from gancode.training.run import GAN, Run, TwoWay
    from gancode.training.settings import Settings
    from gancode.training.steps import Players
    from gancode.training.train import train
    from gancode.verdict import Verdict

    __version__: str

_MODULE_OF = {
    "CheckpointError": "training.checkpoint",
    "DataRangeWarning": "errors",
    "GAN": "training.run",
    "Players": "training.steps",
    "Refused": "errors",
    "Run": "training.run",
    "ScheduleWarning": "schedules",
    "Settings": "training.settings",
    "TwoWay": "training.run",
    "evaluate": "runs",
    "invert": "inversion",
    "load": "runs",
    "seed": "randomness",
    "train": "training.train",
    "Verdict": "verdict",
}

__all__ = [
    "__version__",
    "CheckpointError",
    "DataRangeWarning",
    "GAN",
    "Players",
    "Refused",
    "Run",
    "ScheduleWarning",
    "Settings",
    "TwoWay",
    "Verdict",
    "anomaly",
    "calculus",
    "constraints",
    "data",
    "evaluate",
    "inversion",
    "invert",
    "kernels",
    "lipschitz",
    "load",
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
    "seed",
    "train",
    "training",
    "verdict",
]


if not TYPE_CHECKING:  # to which every name would be one of these

    def __getattr__(name: str) -> Any:
        if name in _MODULE_OF:
            value = getattr(importlib.import_module(f"gancode.{_MODULE_OF[name]}"), name)
        elif name == "__version__":
            value = importlib.import_module("importlib.metadata").version("gancode")
        elif name in __all__:  # a module
            return importlib.import_module(f"gancode.{name}")
        else:
            raise AttributeError(f"module 'gancode' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
