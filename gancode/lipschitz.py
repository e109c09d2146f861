"""How steep a network can be: norms of its layers, a bound of the whole, and the steepest pair.

A composition is Lipschitz with the product of the constants of its layers, a sum with their sum,
so a network is at most as steep as `upper_bound` says. That every layer is steepest at once, along
one direction, is rare: how much it overstates shows beside `lower_bound`, the steepest slope that a
search has found between two points. All norms are Euclidean, of one sample: its entries are the
coordinates, in whatever shape. `gancode.calculus.lipschitz` has the same as expressions.
"""

import copy
import html
import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

from gancode import networks
from gancode.errors import Refused, WrongType


class Norm(NamedTuple):
    """The Lipschitz constant of a layer, or, where it is not `exact`, a number above it."""

    value: float
    exact: bool = True


@dataclass(frozen=True)
class Layer:
    """One layer of a network: its name in it, its class, the shape of one input, and its norm."""

    name: str
    kind: str
    shape: tuple
    norm: Norm


@dataclass(frozen=True)
class UpperBound:
    """`value` bounds the Lipschitz constant of a network; it is the product over its `layers`."""

    value: float
    layers: tuple[Layer, ...]

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        rows = [(*cells[:3], f"{cells[3]} ⟨{cells[4]}⟩") for cells in self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
        ]
        return "\n".join([*lines, f"Lipschitz constant ≤ ⟨{self.value:.4g}⟩"])

    __repr__ = __str__

    def _rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        for layer in self.layers:
            sign = "=" if layer.norm.exact else "≤"
            yield layer.name, layer.kind, str(layer.shape), sign, f"{layer.norm.value:.4g}"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{each}</th>" for each in ("layer", "", "input", "", "norm"))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            + f"<td>{_measured(value)}</td></tr>"
            for *cells, value in self._rows()
        )  # fmt: skip
        foot = f"Lipschitz constant ≤ {_measured(f'{self.value:.4g}')}"
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            f'<tfoot><tr><td colspan="5">{foot}</td></tr></tfoot></table>'
        )


@dataclass(frozen=True)
class LowerBound:
    """`value` = ‖f(x) − f(y)‖ / ‖x − y‖, the steepest slope that a search has found, between the
    samples `x` and `y`: the Lipschitz constant is no less."""

    value: float
    x: torch.Tensor
    y: torch.Tensor

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        distance = torch.linalg.vector_norm(self.x - self.y).item()
        return f"Lipschitz constant ≥ ⟨{self.value:.4g}⟩, between points ⟨{distance:.2g}⟩ apart"

    __repr__ = __str__


@dataclass(frozen=True)
class Bounds:
    """The Lipschitz constant of a network lies between `lower` and `upper`."""

    lower: LowerBound
    upper: UpperBound

    @property
    def gap(self) -> float:
        """How many times the lower bound the upper one is; infinite where nothing was steep."""
        return self.upper.value / self.lower.value if self.lower.value else math.inf

    def __str__(self) -> str:
        return f"{self.upper}\n{self.lower}\nthe upper is ⟨{self.gap:.3g}⟩ times the lower bound"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        values = self.lower.value, self.upper.value, self.gap
        low, high, gap = (_measured(f"{value:.4g}") for value in values)
        line = f"<p>{low} ≤ Lipschitz constant ≤ {high}, {gap} times as much</p>"
        return self.upper._repr_html_() + line


def _measured(shown: str) -> str:
    return f'<span class="measured">{html.escape(shown)}</span>'


# A whole network -------------------------------------------------------------------------------


def upper_bound(network: nn.Module, shape: Any, rules: Mapping | None = None) -> UpperBound:
    """A bound of the Lipschitz constant of a network, or the norm of a single layer, for samples of
    a `shape` (without the batch), such as (3, 32, 32) or (2,).

    Of a conditional network of this package it is a bound in the sample, for every label. Weights
    are read in float64, and what rounding may take away is added, so that the number is a bound.

    `rules` say what this module does not know: a dict from classes to a number, or to a function of
    the layer (in eval mode, in float64) and of the shape of its input, that returns a number above
    its Lipschitz constant. They come before the rules here.

    A convolution costs the eigenvalues of one matrix, of its channels, for every second place of
    its input: with 64 channels seconds for 64 × 64 places, half a minute for 256 × 256. They are
    taken some frequencies at a time, in less memory than it takes to run the layer on two samples.

    Raises `Refused` for a layer without a rule, for one whose output depends on the whole batch or
    on chance (batch normalisation and dropout in train mode), for weights or norms that are not
    finite, and for a shape that a layer does not take, such as a convolution's without a height and
    a width: each layer that has a rule here is first run on two samples.
    """
    shape = _sizes(shape)
    for name, layer in network.named_modules():
        _refuse_unsteady(name, layer)
    found = _Reading(dict(rules or {})).rows(_resting(network), shape, "")
    value = _product(row.norm.value for row in found)
    if value == math.inf:
        raise Refused("the product of the norms of the layers is too large for a number: no bound")
    return UpperBound(value, tuple(found))


def _sizes(shape: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(map(operator.index, shape if isinstance(shape, Iterable) else (shape,)))
    except TypeError:
        sizes = (0,)
    if min(sizes, default=1) < 1:
        raise Refused(f"shape={shape!r} must be that of one sample: positive whole numbers")
    return sizes


def _product(values: Iterable[float]) -> float:
    """Rounded once, and up: many small numbers have no product of zero."""
    exact = math.prod(map(Fraction, values))
    try:
        value = float(exact)
    except OverflowError:
        return math.inf
    return value if value >= exact else math.nextafter(value, math.inf)


def _said(name: str, kind: type[nn.Module]) -> str:
    return f"the layer {name!r} ({kind.__name__})" if name else kind.__name__


def _refuse_unsteady(name: str, layer: nn.Module) -> None:
    said = _said(name, type(layer))
    statistics = isinstance(layer, (_BatchNorm, _InstanceNorm)) and layer.track_running_stats
    if layer.training and (statistics or isinstance(layer, (_BatchNorm, _DropoutNd))):
        raise Refused(
            f"{said} is in train mode, in which a sample's output depends on the rest of its batch "
            "or on chance; call network.eval() for the map that is left after training"
        )
    if isinstance(layer, _BatchNorm) and not layer.track_running_stats:
        raise Refused(f"{said} takes the statistics of each batch, also in eval mode: no bound")
    if layer._forward_hooks or layer._forward_pre_hooks:
        raise Refused(f"{said} has hooks, which may change what it computes; remove them")


def _resting(network: nn.Module) -> nn.Module:
    """A copy in eval mode and in float64, of weights that are finite."""
    network = copy.deepcopy(network).eval().double().requires_grad_(False).cpu()
    computed = (
        (f"{name}.{weight}".strip("."), getattr(layer, weight))
        for name, layer in network.named_modules()
        if parametrize.is_parametrized(layer)
        for weight in cast(nn.ModuleDict, layer.parametrizations)
    )  # spectral normalisation makes NaN of a weight of zero
    for name, tensor in (*network.state_dict().items(), *computed):
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise Refused(f"{name!r} holds NaN or infinity, so the network has no bound")
    return network


class _Reading:
    """A network, read layer by layer."""

    def __init__(
        self, rules: dict[type[nn.Module], float | Callable[[Any, tuple[int, ...]], float]]
    ) -> None:
        self.rules = rules

    def rows(self, module: nn.Module, shape: tuple[int, ...], name: str) -> list[Layer]:
        kind = parametrize.type_before_parametrizations(module)
        if kind is nn.Sequential and kind not in self.rules:
            found = []
            # named_children() leaves out a layer that was there before, which counts again
            for key, layer in module._modules.items():
                if layer is not None:
                    inner = f"{name}.{key}".strip(".")
                    found += self.rows(layer, shape, inner)
                    shape = _output(layer, shape, inner)
            return found
        return [Layer(name, kind.__name__, shape, self._norm(module, kind, shape, name))]

    def norm(self, module: nn.Module, shape: tuple[int, ...]) -> Norm:
        """Of a part of a layer."""
        rows = self.rows(module, shape, "")
        several = sum(row.norm.value != 1 for row in rows) > 1
        exact = all(row.norm.exact for row in rows) and not several
        return Norm(_product(row.norm.value for row in rows), exact)

    def _norm(
        self, module: nn.Module, kind: type[nn.Module], shape: tuple[int, ...], name: str
    ) -> Norm:
        if kind in self.rules:
            return Norm(_given(self.rules[kind], module, shape, kind), False)
        if kind in _PARTS:
            return _PARTS[kind](module, shape, self.norm)
        if kind not in _RULES:
            said = f"the layer {name!r}" if name else "the network"
            raise Refused(
                f"there is no rule for {said}, a {kind.__name__}; give one, "
                f"rules={{{kind.__name__}: bound}}, a number or a function of the layer and of the "
                "shape of its input"
            )
        _refuse_shape(module, kind, shape, name)
        norm = _RULES[kind](module, shape)
        if not 0 <= norm.value < math.inf:
            raise Refused(f"the norm of {_said(name, kind)} comes out as {norm.value}: no bound")
        return norm


def _given(
    rule: float | Callable[[Any, tuple[int, ...]], float],
    module: nn.Module,
    shape: tuple[int, ...],
    kind: type[nn.Module],
) -> float:
    value = float(rule(module, shape) if callable(rule) else rule)
    if not 0 <= value < math.inf:
        raise Refused(f"the rule for {kind.__name__} gives {value}, which is no bound of a norm")
    return value


def _refuse_shape(
    layer: nn.Module, kind: type[nn.Module], shape: tuple[int, ...], name: str
) -> None:
    """A shape that torch does not take, or that it takes for something other than one sample."""
    digit = kind.__name__[-2:-1]  # of Conv2d
    if digit in ("1", "2", "3") and kind not in _OF_ANY_SHAPE and len(shape) != 1 + int(digit):
        raise Refused(
            f"a {kind.__name__} needs samples of {1 + int(digit)} axes, channels and then {digit} "
            f"of space, not of shape {shape}: its norm depends on their size"
        )
    if not _run(layer, shape, name).isfinite().all():
        raise Refused(f"{_said(name, kind)} makes NaN or infinity of zeros, so it has no bound")


def _output(layer: nn.Module, shape: tuple[int, ...], name: str = "") -> tuple[int, ...]:
    """The shape of one output."""
    return tuple(_run(layer, shape, name).shape[1:])


@torch.no_grad()
def _run(layer: nn.Module, shape: tuple[int, ...], name: str) -> torch.Tensor:
    """What a layer makes of two samples that are zero."""
    refused = (
        f"{_said(name, parametrize.type_before_parametrizations(layer))} does not take samples of "
        f"shape {shape}: "
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = layer(torch.zeros(2, *shape, dtype=torch.float64))
    except Exception as error:
        raise Refused(refused + " ".join(str(error).split())) from error
    if not torch.is_tensor(found):
        raise Refused(f"{refused}it returns a {type(found).__name__}, no tensor")
    if found.shape[:1] != (2,):
        raise Refused(f"{refused}of two it makes {tuple(found.shape)}, which mixes samples")
    return found


# Linear maps -----------------------------------------------------------------------------------


def _largest_singular_value(matrices: torch.Tensor) -> float:
    """Of matrices (..., m, n), the largest of all; above it by what rounding may have taken.

    It is the root of the largest eigenvalue of the smaller Gram matrix. Forming that loses at most
    m·n roundings of its own size, which are added.
    """
    if not matrices.numel():
        return 0.0
    size = matrices.abs().max().item()
    if not math.isfinite(size):
        return math.inf
    if matrices.shape[-2] > matrices.shape[-1]:
        matrices = matrices.mT
    exponent = math.frexp(size)[1]
    unit = math.ldexp(1.0, max(-1000, min(exponent, 1000)))  # squares of 1e±200 are no numbers
    matrices = matrices / unit
    largest = torch.linalg.eigvalsh(matrices @ matrices.mH).max().clamp(min=0).sqrt().item()
    rounding = matrices.shape[-2] * matrices.shape[-1] * torch.finfo(torch.double).eps
    return largest * (1 + rounding) * unit


def _linear(layer: nn.Linear, shape: tuple[int, ...]) -> Norm:
    if not shape:
        raise Refused("a linear layer needs samples of one axis at least, not of shape ()")
    return Norm(_largest_singular_value(layer.weight))


class _Axis(NamedTuple):
    """A convolution along one axis: on a circle of `places`, with a stride that divides it, of
    which the outputs are a part, or, with `times` > 1, some at most so many times."""

    places: int
    stride: int
    dilation: int
    exact: bool
    times: int = 1


def _convolution(layer: _ConvNd, shape: tuple[int, ...]) -> Norm:
    """Exact with circular padding: the Fourier transform makes one matrix of output by input
    channels of each frequency (Sedghi, Gupta and Long 2019), and a stride joins the frequencies
    that it cannot tell apart. With zeros around it, a convolution is a part of one on a circle that
    is larger by the padding: put the image on the circle, the rest zero, and look at some of the
    outputs. Neither step is longer than one, so its norm is at most that of the circle."""
    axes, factor = [], 1.0
    for axis, size in enumerate(shape[1:]):
        left, right = _padding(layer, axis)
        along, copies = _along(layer, axis, size, left, right)
        axes.append(along)
        factor *= math.sqrt(copies * along.times)
    norm = _on_a_torus(layer.weight, layer.groups, axes)
    return Norm(factor * norm, factor == 1 and all(axis.exact for axis in axes))


def _padding(layer: _ConvNd, axis: int) -> tuple[int, int]:
    if layer.padding == "valid":
        return 0, 0
    if layer.padding == "same":
        total = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
        return total // 2, total - total // 2
    return (cast(tuple[int, ...], layer.padding)[axis],) * 2


def _along(layer: _ConvNd, axis: int, size: int, left: int, right: int) -> tuple[_Axis, int]:
    """One axis, and how many copies of an entry the padding makes at most."""
    kernel, stride, dilation = (
        getattr(layer, name)[axis] for name in ("kernel_size", "stride", "dilation")
    )
    extent, copies = dilation * (kernel - 1) + 1, 1
    outputs = (size + left + right - extent) // stride + 1
    circular = layer.padding_mode == "circular"
    if circular and extent > size:
        raise Refused(
            f"a kernel that spans {extent} places does not fit {size} on a circle; give larger "
            "samples, or a smaller kernel"
        )
    if circular:
        step = stride if size % stride == 0 else 1
        seen = outputs if step == stride else (outputs - 1) * stride + 1
        around = size // step
        exact = step == stride and seen == around
        return _Axis(size, step, dilation, exact, -(-seen // around)), copies
    if layer.padding_mode != "zeros":
        copies = _copies(layer.padding_mode, size, left, right)
        size, left, right = size + left + right, 0, 0
    if kernel == 1:  # all frequencies are alike
        return _Axis(stride, stride, 1, left == right == 0), copies
    return _Axis(_places(size, left, right, extent, stride), stride, dilation, False), copies


def _copies(mode: str, size: int, left: int, right: int) -> int:
    places = torch.arange(size, dtype=torch.double)[None, None]
    return _most_copies(F.pad(places, (left, right), mode=mode))


def _most_copies(places: torch.Tensor) -> int:
    return int(places.long().flatten().bincount().max())


_ENTRIES = 2**21  # of matrices held at once: 32 MiB, and a few times that to work with


def _on_a_torus(weight: torch.Tensor, groups: int, axes: Sequence[_Axis]) -> float:
    """The norm of the convolution with a weight (outputs, inputs / groups, ...) on a torus.

    Frequencies that a stride s cannot tell apart are s in each axis, its aliases; an output of one
    is 1/√s times the sum over them.
    """
    out, inputs, *widths = weight.shape
    kernels = weight.reshape(groups, out // groups, inputs, -1).to(torch.complex128)
    counts = [axis.places // axis.stride for axis in axes]
    counts[0] = counts[0] // 2 + 1  # the others are their conjugates
    aliases = math.prod(axis.stride for axis in axes)
    each = aliases * max(out * inputs, math.prod(widths))
    norm = 0.0
    for frequencies in torch.arange(math.prod(counts)).split(max(1, _ENTRIES // each)):
        places = torch.unravel_index(frequencies, counts)
        waves = _waves(axes, widths, places)
        blocks = torch.tensordot(waves, kernels, dims=([2], [3]))  # (f, aliases, g, out, in)
        blocks = blocks.permute(0, 2, 3, 4, 1).flatten(3)
        norm = max(norm, _largest_singular_value(blocks))
    return norm / math.sqrt(aliases)


def _waves(
    axes: Sequence[_Axis], widths: Sequence[int], frequencies: Sequence[torch.Tensor]
) -> torch.Tensor:
    """The waves at some frequencies, of each axis (f,), with their aliases, at the entries of a
    kernel: (f, aliases, entries)."""
    waves = torch.ones(len(frequencies[0]), 1, 1, dtype=torch.complex128)
    for axis, width, frequency in zip(axes, widths, frequencies, strict=True):
        aliases = frequency[:, None] + torch.arange(axis.stride) * (axis.places // axis.stride)
        turns = aliases[:, :, None] * torch.arange(width) * axis.dilation % axis.places
        angle = -2 * math.pi * turns.double() / axis.places
        along = torch.polar(torch.ones_like(angle), angle)
        waves = (waves[:, :, None, :, None] * along[:, None, :, None, :]).flatten(3).flatten(1, 2)
    return waves


def _transposed_convolution(layer: _ConvNd, shape: tuple[int, ...]) -> Norm:
    """The adjoint of a convolution with zeros around, on the size of the output."""
    _, *outputs = _output(layer, shape)
    padding = cast(tuple[int, ...], layer.padding)  # only a convolution's may be a word
    axes = zip(padding, layer.stride, layer.dilation, strict=True)
    return _adjoint(layer.weight, layer.groups, outputs, axes)


def _doubling_convolution(layer: networks.UpsampleConv2d, shape: tuple[int, ...]) -> Norm:
    """`UpsampleConv2d` is a transposed convolution of another kernel, with stride 2."""
    outputs = [2 * size for size in shape[1:]]
    return _adjoint(layer.kernel(), 1, outputs, [(1, 2, 1)] * 2)


def _adjoint(
    weight: torch.Tensor, groups: int, outputs: Sequence[int], axes: Iterable[tuple[int, int, int]]
) -> Norm:
    """`axes` are padding, stride and dilation of each."""
    found = []
    for size, width, along in zip(outputs, weight.shape[2:], axes, strict=True):
        padding, stride, dilation = along
        places = _places(size, padding, padding, dilation * (width - 1) + 1, stride)
        found.append(_Axis(places, stride, dilation, False))
    return Norm(_on_a_torus(weight, groups, found), False)


def _places(size: int, left: int, right: int, extent: int, stride: int) -> int:
    """Of a circle on which an image and its padding do not meet, a multiple of the stride."""
    places = max(size + max(left, right), size + left + right - extent + 1)
    return -(-places // stride) * stride


def _separable(
    along: Callable[[Any, int, torch.Tensor], torch.Tensor],
    layer: nn.Module,
    shape: tuple[int, ...],
) -> Norm:
    """Of a map that is one matrix along each axis: `along(layer, axis, identity)` returns the
    images of the rows of an identity (size, 1, size). Norms of Kronecker products are products."""
    norm = 1.0
    for axis, size in enumerate(shape[1:]):
        identity = torch.eye(size, dtype=torch.double)[:, None]
        norm *= _largest_singular_value(along(layer, axis, identity)[:, 0])
    return Norm(norm)


_Option = TypeVar("_Option", bound=float | None)


def _each(value: _Option | tuple[_Option, ...] | list[_Option], axis: int) -> _Option:
    """Of an option that is one for all axes, or one for each."""
    return value[axis] if isinstance(value, (tuple, list)) else value


def _average(
    layer: nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d, axis: int, identity: torch.Tensor
) -> torch.Tensor:
    return F.avg_pool1d(
        identity,
        _each(layer.kernel_size, axis),
        _each(layer.stride, axis),
        _each(layer.padding, axis),
        layer.ceil_mode,
        layer.count_include_pad,
    )


def _average_pooling(
    layer: nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d, shape: tuple[int, ...]
) -> Norm:
    if getattr(layer, "divisor_override", None):
        raise Refused("average pooling with a divisor_override has no rule here; leave it out")
    return _separable(_average, layer, shape)


def _adaptive(
    layer: nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d | nn.AdaptiveAvgPool3d,
    axis: int,
    identity: torch.Tensor,
) -> torch.Tensor:
    size = _each(layer.output_size, axis)
    return F.adaptive_avg_pool1d(identity, identity.shape[-1] if size is None else size)


_ALONG = {"bilinear": "linear", "trilinear": "linear"}


def _resized(layer: nn.Upsample, axis: int, identity: torch.Tensor) -> torch.Tensor:
    mode = _ALONG.get(layer.mode, layer.mode)
    if mode not in ("nearest", "nearest-exact", "linear"):
        raise Refused(f"upsampling of mode {layer.mode!r} has no rule here; give one")
    return F.interpolate(
        identity,
        size=_each(layer.size, axis),
        scale_factor=_each(layer.scale_factor, axis),
        mode=mode,
        align_corners=layer.align_corners if mode == "linear" else None,
        recompute_scale_factor=layer.recompute_scale_factor,
    )


def _max_pooling(layer: nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d, shape: tuple[int, ...]) -> Norm:
    """The largest of a window moves by no more than the window does. So √m bounds it, where m is in
    how many windows an entry can be; with windows apart it is 1, and reached."""
    outputs = _output(layer, shape)[1:]
    windows = 1
    for axis, (size, count) in enumerate(zip(shape[1:], outputs, strict=True)):
        width, stride, padding, dilation = (
            _each(getattr(layer, name), axis)
            for name in ("kernel_size", "stride", "padding", "dilation")
        )
        starts = torch.arange(count)[:, None] * stride - padding
        seen = (starts + torch.arange(width) * dilation).flatten()
        windows *= _most_copies(seen[(seen >= 0) & (seen < size)])
    return Norm(math.sqrt(windows), windows == 1)


def _copying(layer: nn.Module, shape: tuple[int, ...]) -> Norm:
    """A layer that only copies entries: the root of how often one of them is copied at most."""
    places = torch.arange(math.prod(shape), dtype=torch.double).reshape(1, *shape)
    return Norm(math.sqrt(_most_copies(layer(places))))


# Normalisation ---------------------------------------------------------------------------------


def _batch_normalisation(layer: _BatchNorm | _InstanceNorm, shape: tuple[int, ...]) -> Norm:
    """In eval mode an affine map: the largest |γ| / √(variance + ε)."""
    scale = (cast(torch.Tensor, layer.running_var) + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * layer.weight.abs()
    return Norm(scale.max().item())


def _normalisation(
    layer: nn.LayerNorm | nn.GroupNorm | _InstanceNorm, size: int, repeats: int
) -> Norm:
    """x ↦ γ·(x − mean)/√(variance + ε) on groups of `size` entries, each weight of which is there
    `repeats` times.

    With P = 1 − 11ᵀ/n, y = Px and s = √(|y|²/n + ε) its Jacobian is Γ(P − yyᵀ/(n s²))/s. What
    stands between Γ and s lies between 0 and P, so the norm is at most ‖ΓP‖/√ε ≤ max |γ|/√ε, and
    ‖ΓP‖/√ε is reached where the group is constant, y = 0. ‖ΓP‖ = max |γ| where the largest weight
    is there twice; then a direction of these two alone has mean zero.
    """
    if not layer.eps > 0:
        raise Refused(f"normalisation with eps={layer.eps} has no bound: give a positive one")
    if size < 2:
        return Norm(0.0)  # a single entry is its own mean
    weight = torch.ones(1) if layer.weight is None else layer.weight.abs().flatten()
    several = repeats > 1 or bool((weight == weight[0]).all())
    return Norm(weight.max().item() / math.sqrt(layer.eps), several)


def _layer_normalisation(layer: nn.LayerNorm, shape: tuple[int, ...]) -> Norm:
    if len(layer.normalized_shape) > len(shape):
        raise Refused(f"a layer normalisation of {layer.normalized_shape} does not take {shape}")
    return _normalisation(layer, math.prod(layer.normalized_shape), 1)


def _group_normalisation(layer: nn.GroupNorm, shape: tuple[int, ...]) -> Norm:
    pixels = math.prod(shape[1:])
    return _normalisation(layer, layer.num_channels // layer.num_groups * pixels, pixels)


def _instance_normalisation(layer: _InstanceNorm, shape: tuple[int, ...]) -> Norm:
    if layer.track_running_stats:
        return _batch_normalisation(layer, shape)
    pixels = math.prod(shape[1:])
    return _normalisation(layer, pixels, pixels)


# Units -----------------------------------------------------------------------------------------


def _gelu(layer: nn.GELU) -> float:
    """The slope of x·Φ(x) is steepest at √2, of that of tanh's approximation a little less so."""
    if layer.approximate != "none":
        raise Refused("GELU(approximate='tanh') has no rule here; give one")
    return (1 + math.erf(1)) / 2 + 1 / (math.e * math.sqrt(math.pi))


def _celu(layer: nn.CELU) -> float:
    if layer.alpha < 0:
        raise Refused(f"CELU of alpha={layer.alpha} grows as an exponential does: it has no bound")
    return 1.0


def _softplus(layer: nn.Softplus) -> float:
    """From `threshold` on torch takes x for log(1 + exp(βx))/β, which is a jump: of 2e-9/β where it
    is 20. It may be so large as to be lost among the roundings of float32."""
    rounding = torch.finfo(torch.float32).eps / 2
    if math.log1p(math.exp(-min(max(layer.threshold, 0), 700))) > rounding * layer.threshold:
        raise Refused(
            f"Softplus jumps at its threshold={layer.threshold}, so it has no bound; leave it at 20"
        )
    return 1.0


# The largest slope of each unit: NaN where a number of it is, which max() keeps if it comes first.
# tests/test_lipschitz.py proves them.
SLOPES: dict[type[nn.Module], Callable[[Any], float]] = {
    nn.ReLU: lambda unit: 1.0,
    nn.ReLU6: lambda unit: 1.0,
    nn.LeakyReLU: lambda unit: max(abs(unit.negative_slope), 1.0),
    nn.PReLU: lambda unit: max(unit.weight.abs().max().item(), 1.0),
    nn.ELU: lambda unit: max(abs(unit.alpha), 1.0),
    nn.CELU: _celu,
    nn.SELU: lambda unit: 1.0507009873554805 * 1.6732632423543772,  # scale · α, left of zero
    nn.GELU: _gelu,
    nn.SiLU: lambda unit: 1.09983933,  # rounded up, near x = 2.4
    nn.Softplus: _softplus,
    nn.Tanh: lambda unit: 1.0,
    nn.Sigmoid: lambda unit: 0.25,
    nn.LogSigmoid: lambda unit: 1.0,
    nn.Softsign: lambda unit: 1.0,
    nn.Hardtanh: lambda unit: 1.0,
    nn.Hardsigmoid: lambda unit: torch.tensor(1 / 6).item(),  # in float32, as torch has it
    nn.Softshrink: lambda unit: 1.0,
    nn.Tanhshrink: lambda unit: 1.0,
}


def _unit(layer: nn.Module, shape: tuple[int, ...]) -> Norm:
    return Norm(SLOPES[type(layer)](layer), not isinstance(layer, nn.SiLU))


def _isometry(layer: nn.Module, shape: tuple[int, ...]) -> Norm:
    return Norm(1.0)


def _fourier_features(layer: networks.FourierFeatures, shape: tuple[int, ...]) -> Norm:
    """J ᵀJ = (1 + BᵀB)/e², for cos² + sin² = 1."""
    norm = _largest_singular_value(layer.frequencies)
    return Norm(math.hypot(1, norm) / abs(layer.extent))


# Layers with parts -----------------------------------------------------------------------------

_NormOf = Callable[[nn.Module, tuple[int, ...]], Norm]


def _residual(
    block: networks.ResidualBlock,
    shape: tuple[int, ...],
    norm_of: _NormOf,
) -> Norm:
    """A sum is Lipschitz with the sum of the constants."""
    value = norm_of(block.shortcut, shape).value + 0.1 * norm_of(block.residual, shape).value
    return Norm(value, False)


def _concatenated(
    layer: networks._Concatenated,
    shape: tuple[int, ...],
    norm_of: _NormOf,
) -> Norm:
    """For each label: what is appended to the sample does not change."""
    shape = (shape[0] + layer.classes, *shape[1:]) if layer.planes else (
        math.prod(shape) + layer.classes,
    )  # fmt: skip
    return norm_of(layer.network, shape)._replace(exact=False)


def _projected(
    layer: networks._Projected,
    shape: tuple[int, ...],
    norm_of: _NormOf,
) -> Norm:
    """The logit of a label y is ⟨w + v(y), φ(x)⟩ and a constant."""
    reads = _largest_singular_value((layer.linear.weight + layer.classwise.weight)[:, None])
    return Norm(_product([reads, norm_of(layer.features, shape).value]), False)


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_ISOMETRIES = (
    *(nn.Identity, nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle),
    *(nn.ChannelShuffle, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
    *(nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
)
_OF_ANY_SHAPE = (nn.BatchNorm1d, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_COPYING = (
    *(nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d),
    *(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    *(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
)
_RULES: dict[type[nn.Module], Callable[[Any, tuple], Norm]] = {
    nn.Linear: _linear,
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    **dict.fromkeys(_TRANSPOSED, _transposed_convolution),
    networks.UpsampleConv2d: _doubling_convolution,
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _average_pooling),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
        partial(_separable, _adaptive),
    ),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), _max_pooling),
    nn.Upsample: partial(_separable, _resized),
    nn.UpsamplingNearest2d: partial(_separable, _resized),
    nn.UpsamplingBilinear2d: partial(_separable, _resized),
    **dict.fromkeys(_COPYING, _copying),
    **dict.fromkeys(_BATCH, _batch_normalisation),
    nn.LayerNorm: _layer_normalisation,
    nn.GroupNorm: _group_normalisation,
    **dict.fromkeys(_INSTANCE, _instance_normalisation),
    **dict.fromkeys(SLOPES, _unit),
    **dict.fromkeys(_ISOMETRIES, _isometry),
    networks.FourierFeatures: _fourier_features,
    networks._Times: lambda layer, shape: Norm(abs(layer.factor)),
}
_PARTS: dict[type[nn.Module], Callable[[Any, tuple, Callable], Norm]] = {
    networks.ResidualBlock: _residual,
    networks._Concatenated: _concatenated,
    networks._Projected: _projected,
}


# The steepest pair -----------------------------------------------------------------------------


def lower_bound(
    network: nn.Module,
    points: torch.Tensor,
    *,
    condition: Sequence[torch.Tensor] = (),
    steps: int = 100,
    seed: int = 0,
) -> LowerBound:
    """The steepest slope of a network in eval mode that is found between two points, in float64.

    From each of the `points` (n, ...), such as data, random ones or both, a pair x ± h·d climbs:
    x by the gradient of ‖f(x + hd) − f(x − hd)‖ / 2h, the direction d by power iteration, while h
    falls from a tenth of the points' size to a ten-thousandth. Between two points a slope is a
    bound whatever the network is, also where it has kinks and a derivative says nothing. What
    rounding may have added to it is taken off, as it is found when the result of every operation is
    moved at random by 64 of its roundings, eight times.
    `condition` has what a conditional network is given beside, one entry a point; `seed` is what
    the directions are drawn from. Raises `Refused` for points that are none or that the network
    does not take, for weights that are not finite, and for a negative number of steps.
    """
    if not torch.is_tensor(points) or points.ndim < 2 or not len(points):
        raise WrongType("points must be a tensor of samples, (n, ...), with one at least")
    if not points.isfinite().all():
        raise Refused("the points hold NaN or infinity")
    if not isinstance(steps, (int, np.integer)) or steps < 0:
        raise Refused(f"steps={steps!r} must be a whole number, and not negative")
    network, given = _resting(network), [part.cpu() for part in condition]

    def f(x: torch.Tensor) -> torch.Tensor:  # of clones: a layer may work in place
        return network(x.clone(), *(part.clone() for part in given)).reshape(len(x), -1)

    x = points.detach().double().cpu().clone()
    _refuse_points(f, x)
    draws = torch.Generator().manual_seed(seed)
    d = torch.randn(x.shape, generator=draws, dtype=torch.double)
    size = _lengths(x).mean().item() or math.sqrt(x[0].numel())
    best, pairs = torch.zeros(len(x), dtype=torch.double), torch.stack([x, x])
    for share in torch.linspace(0, 1, steps + 1).tolist():
        h = 0.1 * size * 10 ** (-3 * share)
        x, d = x.requires_grad_(True), _unit_vectors(d).requires_grad_(True)
        ends = torch.stack([x + h * d, x - h * d])
        values = f(ends[0]), f(ends[1])
        distance = _lengths(ends[0] - ends[1]).detach()
        found = _lengths(values[0] - values[1]) / distance
        sure = (
            found.detach()
            - sum(_SHAKEN * _eps(v) * _lengths(v).detach() for v in values) / distance
        )
        better = sure > best
        best[better], pairs[:, better] = sure[better], ends.detach()[:, better]
        if not found.requires_grad:
            break  # it is constant
        up, turn = torch.autograd.grad(found.sum(), (x, d), materialize_grads=True)
        x = (x + h * _unit_vectors(up)).detach()
        d = torch.where(_columns(_lengths(turn), d) > 0, turn, d).detach()  # JᵀJd, up to a factor
    slopes = _sure_slopes(f, *pairs)
    k = int(slopes.argmax())
    return LowerBound(slopes[k].item(), *pairs[:, k])


@torch.no_grad()
def _refuse_points(f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> None:
    try:
        found = f(x)
    except Exception as error:
        raise Refused(
            f"the network does not take points of shape {tuple(x.shape)}: "
            f"{' '.join(str(error).split())}"
        ) from error
    if not found.is_floating_point():
        raise Refused(f"the network makes {found.dtype}, which has no slope")


_SHAKEN = 64  # roundings: a sum of n terms loses about √n of them


def _eps(x: torch.Tensor) -> float:
    return torch.finfo(x.dtype).eps


class _Shaking(TorchDispatchMode):
    """Each result of an operation is moved by some roundings of its own: what comes of it at the
    end is about what rounding does to the whole, also where large numbers cancel inside."""

    def __init__(self, draws: torch.Generator) -> None:
        super().__init__()
        self.draws = draws

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):  # type: ignore
        found = operation(*args, **(kwargs or {}))
        made = all(r.alias_info is None or r.alias_info.is_write for r in operation._schema.returns)
        if made and torch.is_tensor(found) and found.is_floating_point():  # and is no view
            by = 2 * torch.rand(found.shape, generator=self.draws, dtype=found.dtype) - 1
            found.mul_(1 + _SHAKEN * _eps(found) * by)
        return found


@torch.no_grad()
def _sure_slopes(
    f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """‖f(x) − f(y)‖ / ‖x − y‖ of pairs without what rounding may have added; zero where x = y."""
    draws = torch.Generator().manual_seed(0)
    values = f(x), f(y)
    rounding = torch.zeros(len(x), dtype=torch.double)
    for _ in range(8):
        with _Shaking(draws):
            shaken = f(x), f(y)
        moved = _lengths(values[0] - shaken[0]) + _lengths(values[1] - shaken[1])
        rounding = torch.maximum(rounding, moved)
    rise = _lengths(values[0] - values[1]) - rounding
    return torch.where(rise > 0, rise / _lengths(x - y), 0.0)


def _lengths(x: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(x.flatten(1), dim=1)


def _columns(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """One value a sample, to go with samples."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


def _unit_vectors(x: torch.Tensor) -> torch.Tensor:
    """Each sample divided by its length; zero where that is zero."""
    return x / _columns(_lengths(x), x).clamp(min=1e-300)


def bounds(
    network: nn.Module,
    points: torch.Tensor,
    *,
    condition: Sequence[torch.Tensor] = (),
    rules: Mapping | None = None,
    steps: int = 100,
    seed: int = 0,
) -> Bounds:
    """Both bounds of the Lipschitz constant of a network, and the gap between them.

    The arguments are those of `upper_bound`, for samples of the shape of the `points`, and of
    `lower_bound`.
    """
    lower = lower_bound(network, points, condition=condition, steps=steps, seed=seed)
    return Bounds(lower, upper_bound(network, tuple(points.shape[1:]), rules))
