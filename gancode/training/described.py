"""Functions in words: the text that tells one from another in the record of a run.

An address would do in one process; this text is the same in every one. It names the function or the
class, and beside it every constant that it goes by.
"""

import argparse
import dataclasses
import dis
import enum
import functools
import inspect
import types
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from gancode.training import checkpoint


def described(function: Any, within: tuple[int, ...] = ()) -> str:
    """The text of a function, a method, a `functools.partial`, a class, or an object that can be
    called: its name within its module, and in brackets the constants that it holds, where there are
    any: numbers, texts, functions, tensors by a checksum, objects that hold such, and tuples,
    lists, sets and dicts of these.

    They are the attributes of an object and of its class, the arguments of a partial, and what a
    function encloses, has as a default, or reads as a global, but for functions by their own names;
    of an object that it reads, the attributes that its code names. Of a lambda, and of whatever is
    defined within a function, many have one name: its code has a checksum beside it, the same in
    one version of Python. Of a module its own attributes count: weights, buffers and layers are in
    its state. One that a constant holds has no state there; where its weights stand still, they
    have a checksum. `within` are the ids of what this is part of, so that what holds itself has an
    end.
    """
    within = (*within, id(function))
    if isinstance(function, functools.partial):
        given = {str(k): value for k, value in enumerate(function.args)} | function.keywords
        return _called(described(function.func, within), given, within)
    if inspect.ismethod(function):
        owner = function.__self__
        text = _module(owner, within) if isinstance(owner, nn.Module) else described(owner, within)
        return f"{text}.{function.__name__}"
    if inspect.isfunction(function):
        code = {"its code": _Word(_crc(function.__code__))} if _is_shared(function) else {}
        read = _defaults(function) | _enclosed(function) | _globals(function)
        named = {*_names(function.__code__)}
        found = {key: _Read(value, named) for key, value in read.items()}
        return _called(_name(function), code | found, within)
    if hasattr(function, "__wrapped__") and callable(function.__wrapped__):  # as a cache has it
        return described(function.__wrapped__, within)
    if hasattr(function, "__qualname__"):
        return _name(function)
    return _called(_name(type(function)), _attributes(function), within)


class _Word(str):
    """A text that is none of a constant."""


@dataclasses.dataclass
class _Read:
    """What a function reads, and the names in its code."""

    value: Any
    names: set[str]


def _is_shared(named: Any) -> bool:
    """Whether others may have the same name."""
    return "<" in named.__qualname__


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)


def _names(code: types.CodeType) -> Iterator[str]:
    for each in _codes(code):
        yield from each.co_names


def _crc(code: types.CodeType) -> str:
    found = 0
    for each in _codes(code):
        numbers = [_constant(c, ()) for c in each.co_consts if not isinstance(c, types.CodeType)]
        words = [each.co_code.hex(), numbers, each.co_names, each.co_varnames, each.co_freevars]
        found = zlib.crc32(repr(words).encode(errors="surrogatepass"), found)
    return f"{found:08x}"


def _globals(function: Any) -> dict[str, Any]:
    """What a function reads of its module, but for modules of Python, and for functions and classes
    by their own names."""
    read = {
        step.argval
        for code in _codes(function.__code__)
        for step in dis.get_instructions(code)
        if step.opname == "LOAD_GLOBAL"
    }
    found = {name: function.__globals__[name] for name in read & function.__globals__.keys()}
    return {
        name: value
        for name, value in found.items()
        if not isinstance(value, types.ModuleType) and getattr(value, "__qualname__", None) != name
    }


def _name(named: Any) -> str:
    return ".".join(filter(None, (named.__module__, named.__qualname__)))  # some have no module


def _called(name: str, constants: Mapping[str, Any], within: tuple[int, ...]) -> str:
    words = {key: _constant(value, within) for key, value in constants.items()}
    shown = ", ".join(f"{key}={word}" for key, word in sorted(words.items()) if word is not None)
    return f"{name}({shown})" if shown else name


def _constant(value: Any, within: tuple[int, ...], names: set[str] | None = None) -> str | None:
    """A value as a text; None for what is no constant. Of an object that is no function, those of
    its attributes count that have one of these `names`, where they are given."""
    if isinstance(value, _Read):
        return _constant(value.value, within, value.names)
    if isinstance(value, _Word):
        return value
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return _array(value, within)
    if isinstance(value, enum.Enum):
        return f"{_name(type(value))}.{value.name}"
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, range)):
        return repr(value)
    if id(value) in within:
        return None
    if isinstance(value, nn.Module):
        return _module(value, within)
    within = (*within, id(value))
    if isinstance(value, Mapping):
        pairs = [(_constant(key, within), _constant(each, within)) for key, each in value.items()]
        return f"{{{', '.join(f'{key}: {word}' for key, word in pairs if word is not None)}}}"
    if isinstance(value, (tuple, list, set, frozenset, deque)):
        words = [word for each in value if (word := _constant(each, within)) is not None]
        ordered = isinstance(value, (tuple, list, deque))
        return f"({', '.join(words)})" if ordered else f"{{{', '.join(sorted(words))}}}"
    if callable(value):
        return described(value, within[:-1])
    return _object(value, within, names)


def _module(module: nn.Module, within: tuple[int, ...]) -> str:
    """One whose state is not the run's: with a checksum of its weights, where they stand still."""
    learns = any(each.requires_grad for each in module.parameters())
    weights = {} if learns else module.state_dict()
    tensors = {key: each for key, each in weights.items() if torch.is_tensor(each)}
    constants = {"weights": _Word(checkpoint.crc(tensors))} if tensors else {}
    return _called(_name(type(module)), _attributes(module) | constants, (*within, id(module)))


def _object(value: Any, within: tuple[int, ...], names: set[str] | None) -> str | None:
    """An object that cannot be called."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    held = _attributes(value)
    if hasattr(value, "__array__"):
        return _array(np.asarray(value), within)
    if dataclasses.is_dataclass(value) or isinstance(
        value, (types.SimpleNamespace, argparse.Namespace)
    ):
        named = {key: each for key, each in held.items() if names is None or key in names}
        return _called(_name(type(value)), named or held, within)
    if getattr(value, "__dict__", None):  # of all else it holds only what is plain: it may be large
        plain = (bool, int, float, complex, str, bytes, torch.Tensor, np.ndarray, np.generic)
        named = {
            key: each
            for key, each in held.items()
            if isinstance(each, plain) and (names is None or key in names)
        }
        return _called(_name(type(value)), named, within)
    text = repr(value)
    return _name(type(value)) if " at 0x" in text else text


def _array(value: Any, within: tuple[int, ...]) -> str | None:
    try:
        array = torch.as_tensor(value).detach()
        array = (array if array.layout == torch.strided else array.to_dense()).cpu()
    except TypeError:  # of objects or texts
        return f"{value.shape} {_constant(value.tolist(), within)}"
    except (RuntimeError, NotImplementedError):  # without numbers, as on the device meta
        return f"{tuple(value.shape)} {value.dtype}"
    if array.ndim == 0:
        return repr(array.item())
    content = array.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f"{tuple(array.shape)} {array.dtype} crc {zlib.crc32(content):08x}"


def _attributes(of: Any) -> dict[str, Any]:
    """What an object was given, and what its class has that is no function; of a module without
    what every module has. Of a class within a function, what is called counts, too."""
    kinds = [kind for kind in type(of).__mro__ if kind not in (object, nn.Module)]
    slots = [key for kind in kinds for key in _slots(kind)]
    found = {
        key: value
        for kind in reversed(kinds)
        for key, value in vars(kind).items()
        if not key.startswith("_") and not hasattr(value, "__get__") and not callable(value)
    }
    if _is_shared(type(of)):
        of_module = isinstance(of, nn.Module)
        found["its call"] = getattr(type(of), "forward" if of_module else "__call__", None)
    found |= {key: getattr(of, key) for key in slots if hasattr(of, key)}
    passed = vars(nn.Module()).keys() if isinstance(of, nn.Module) else ()
    found |= {k: value for k, value in getattr(of, "__dict__", {}).items() if k not in passed}
    return {key: value for key, value in found.items() if not key.startswith("__")}


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


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
