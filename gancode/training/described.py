"""Functions in words: the text that tells one from another in the record of a run.

An address would do in one process; this text is the same in every one. It names the function or the
class, and beside it every constant that it goes by.
"""

import functools
import inspect
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn


def described(function: Any, within: tuple[int, ...] = ()) -> str:
    """The text of a function, a method, a `functools.partial`, a class, or an object that can be
    called: its name within its module, and in brackets the constants that it holds, where there are
    any: numbers, texts, functions, tensors by a checksum, and tuples, lists, sets and dicts of
    these.

    They are the attributes of an object, the arguments of a partial, and what a function encloses
    or has as a default. Of a module its own attributes count: weights, buffers and layers are in
    its state. `within` are the ids of what this is part of, so that what holds itself has an end.
    """
    within = (*within, id(function))
    if isinstance(function, functools.partial):
        given = {str(k): value for k, value in enumerate(function.args)} | function.keywords
        return _called(described(function.func, within), given, within)
    if inspect.ismethod(function):
        return f"{described(function.__self__, within)}.{function.__name__}"
    if inspect.isfunction(function):
        return _called(_name(function), _defaults(function) | _enclosed(function), within)
    if hasattr(function, "__qualname__"):
        return _name(function)
    return _called(_name(type(function)), _attributes(function), within)


def _name(named: Any) -> str:
    return ".".join(filter(None, (named.__module__, named.__qualname__)))  # some have no module


def _called(name: str, constants: Mapping[str, Any], within: tuple[int, ...]) -> str:
    words = {key: _constant(value, within) for key, value in constants.items()}
    shown = ", ".join(f"{key}={word}" for key, word in sorted(words.items()) if word is not None)
    return f"{name}({shown})" if shown else name


def _constant(value: Any, within: tuple[int, ...]) -> str | None:
    """A value as a text; None for what is no constant."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return _array(value)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    if isinstance(value, nn.Module) or id(value) in within:
        return None
    within = (*within, id(value))
    if isinstance(value, Mapping):
        pairs = [(repr(key), _constant(each, within)) for key, each in value.items()]
        return f"{{{', '.join(f'{key}: {word}' for key, word in pairs if word is not None)}}}"
    if isinstance(value, (tuple, list, set, frozenset)):
        words = [word for each in value if (word := _constant(each, within)) is not None]
        ordered = isinstance(value, (tuple, list))
        return f"({', '.join(words)})" if ordered else f"{{{', '.join(sorted(words))}}}"
    return described(value, within[:-1]) if callable(value) else None


def _array(value: Any) -> str | None:
    try:
        array = torch.as_tensor(value).detach().cpu()
    except TypeError:  # of objects or texts
        return None
    if array.ndim == 0:
        return repr(array.item())
    content = array.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f"{tuple(array.shape)} crc {zlib.crc32(content):08x}"


def _attributes(of: Any) -> dict[str, Any]:
    """What an object was given; of a module without what every module has."""
    slots = [key for kind in type(of).__mro__ for key in getattr(kind, "__slots__", ())]
    found = {key: getattr(of, key) for key in slots if hasattr(of, key)}
    passed = vars(nn.Module()).keys() if isinstance(of, nn.Module) else ()
    found |= {k: value for k, value in getattr(of, "__dict__", {}).items() if k not in passed}
    return {key: value for key, value in found.items() if not key.startswith("__")}


def _defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def _enclosed(function: Any) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return found
