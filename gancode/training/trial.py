"""Networks tried before the first step, on copies: what would fail in the middle of a run, or give
wrong gradients in silence, is found while nothing is lost."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from gancode.errors import Refused, WrongType
from gancode.penalties import Penalty, gradient_penalty, repeated
from gancode.training.adam import adam
from gancode.training.run import GAN
from gancode.training.terms import Seen, Term, value_of


@dataclass(frozen=True)
class Step:
    """What networks are tried on: the two losses of `Objective.torch()`, whether they are
    paired, the penalties, the precision to compute in, "fp32" or "bf16", an augmentation, or None,
    and the terms of each player, as dicts by their names."""

    critic_loss: Callable
    generator_loss: Callable
    paired: bool
    penalties: list
    precision: str
    augmentation: Callable | None = None
    terms: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What a loop must know of its networks.

    With `shared`, samples are made from weights that the discriminator's step changes: a graph of
    them that is kept over that step would have wrong gradients. `fewest` is how many samples a
    batch must have: 2 where a layer takes statistics of it, else 1.
    """

    shared: bool
    fewest: int = 1


def examine(
    gan: GAN,
    samples: torch.Tensor,
    condition: Sequence[torch.Tensor],
    step: Step,
    smallest: int = 2,
    sizes: str | None = None,
) -> Findings:
    """Take a step with copies of the networks; they themselves stay as they are.

    `samples` are one or two, and `condition` is empty or holds the tensors of theirs. No fewer than
    `smallest` come together, as far as is known; `sizes` says in words which sizes batches have,
    and is None where nobody knows them all.

    Raises `Refused`, saying what to do, for networks that cannot be copied, that do not take or
    return what they must, or cannot be differentiated as often as a step asks for, and for a single
    sample where they take two.
    """
    if step.penalties and _compiled(gan.discriminator):
        raise Refused(
            "the discriminator is compiled, and penalties differentiate it twice, which a compiled "
            "network cannot be; give the network itself: compile=True compiles all but that"
        )

    def taken(n: int) -> tuple[_Taken | None, Refused | None]:
        """The step with n samples, and what is wrong with it."""
        many, *others = (torch.cat([x] * -(-n // len(x)))[:n] for x in (samples, *condition))
        try:
            found = _take(gan, many, others, step)
        except Refused as error:
            return None, error
        return found, None if found.finite else Refused("they return NaN or infinity")

    found, problem = taken(len(samples))
    if len(samples) == 1 and problem and not taken(2)[1]:
        raise Refused(
            f"{problem}. The networks take two samples and not one alone{_statistics(gan)}, and "
            f"{sizes or 'the first batch has one'}: choose the sizes so that two are always left, "
            "drop the last batch (a DataLoader does with drop_last=True), or take no statistics of "
            "batches"
        ) from problem
    if found is None and smallest > len(samples):
        found, _ = taken(smallest)  # they may want groups of a certain size
    if found is None:
        raise cast(Refused, problem)
    unknown = sizes is None and len(samples) > 1
    return Findings(found.shared, fewest=2 if unknown and not _bears(taken, 1) else 1)


def _bears(taken: Callable, n: int) -> bool:
    """Whether a step with n samples succeeds; a term may raise whatever it likes."""
    try:
        return taken(n)[1] is None
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception:
        return False


def refuse_lazy(gan: GAN) -> None:
    """Refuse networks that have no weights yet."""
    for name in ("generator", "discriminator"):
        for path, layer in getattr(gan, name).named_modules():
            own = [*layer._parameters.values(), *layer._buffers.values()]
            if any(is_lazy(tensor) for tensor in own if tensor is not None):
                raise Refused(
                    f"the {name}'s {_layer(path, layer)} is lazy and has no weights yet; call the "
                    f"{name} once before training, with a batch of what it takes"
                )


def copied(network: nn.Module, name: str, memo: dict | None = None) -> Any:
    """A copy of a network that shares nothing with it.

    What a layer keeps from a forward, an activation or the weight of a hooked `weight_norm`, is
    copied without its graph. A dict `memo` goes from the copy of one network to that of another
    that may share layers with it. Raises `Refused`, naming the layer, for what has no copy.
    """
    for path, layer in network.named_modules():
        learns = not path or any(weight.requires_grad for weight in layer.parameters())
        if isinstance(layer, torch.jit.ScriptModule) and learns:
            raise Refused(
                f"the {name}'s {_layer(path, layer)} is of TorchScript, of which there is no copy "
                "that learns; give the network it was made from"
            )
    memo = {} if memo is None else memo
    memo |= _detached(network)
    try:
        copy_of_it = copy.deepcopy(network, memo)
    except Exception as error:  # of many types: every object has its own
        raise Refused(
            f"training needs a copy of the {name}, and {_uncopied(network)} has none: "
            f"{str(error).partition('. ')[0]}; leave that out of the network, or out of what the "
            "__getstate__ of its class returns"
        ) from error
    weights = {id(weight): key for key, weight in network.named_parameters()}
    for weight in copy_of_it.parameters():
        if weight.requires_grad and id(weight) in weights:
            raise Refused(
                f"training needs a copy of the {name}, and a copy has the same weight "
                f"{weights[id(weight)]!r}, not one of its own; leave __deepcopy__ out of its class"
            )
    return copy_of_it


@dataclass(frozen=True)
class _Taken:
    shared: bool
    finite: bool


def _take(gan: GAN, samples: torch.Tensor, condition: Sequence[torch.Tensor], step: Step) -> _Taken:
    """One step as the networks are, and where they will compute in bfloat16 another one so."""
    with _left_as_they_were():
        found = _take_in(contextlib.nullcontext(), gan, samples, condition, step)
        if step.precision == "bf16":
            autocast = torch.autocast(samples.device.type, torch.bfloat16)
            _take_in(autocast, gan, samples, condition, step)
    return found


@contextlib.contextmanager
def _left_as_they_were() -> Iterator[None]:
    """All modules that are called inside have the buffers and the gradients afterwards that they
    had before: a term, of which there is no copy, may have them from anywhere."""
    kept: dict[nn.Module, list] = {}

    def keep(layer: nn.Module, _: Any) -> None:
        if layer not in kept:
            buffers = [(x, x.detach().clone()) for x in layer.buffers(recurse=False)]
            weights = layer.parameters(recurse=False)
            slopes = [(w, None if w.grad is None else w.grad.clone()) for w in weights]
            kept[layer] = [buffers, slopes]

    hook = register_module_forward_pre_hook(keep)
    try:
        yield
    finally:
        hook.remove()
        with torch.no_grad():
            for buffers, slopes in kept.values():
                for buffer, before in buffers:
                    if not torch.equal(buffer, before):
                        buffer.copy_(before)
                for weight, its_own in slopes:
                    weight.grad = its_own


def _own(term: Term, memo: dict) -> Term:
    """The term with a copy of its loss, which shares with the copies of the networks what the loss
    shares with these; a function, or what has no copy, stays itself."""
    if isinstance(term.loss, nn.Module):
        return replace(term, loss=copied(term.loss, f"term {term.name!r}", memo))
    try:
        return replace(term, loss=copy.deepcopy(term.loss, memo))
    except Exception:  # of many types: every object has its own
        return term


def _take_in(
    precise: Any, gan: GAN, samples: torch.Tensor, condition: Sequence[torch.Tensor], step: Step
) -> _Taken:
    memo: dict = {}
    dtype = samples.dtype
    generator, discriminator = (
        copied(getattr(network, "_orig_mod", network), name, memo).train()  # not compiled
        for network, name in ((gan.generator, "generator"), (gan.discriminator, "discriminator"))
    )
    before = {network: _names(network) for network in (generator, discriminator)}
    terms = {
        player: {name: _own(term, memo) for name, term in (of or {}).items()}
        for player, of in step.terms.items()
    }
    latents = gan.latents(len(samples))
    given = f"latents of shape {tuple(latents.shape)} (latent_dim={gan.latent_dim})"
    shapes = ", ".join(str(tuple(c.shape)) for c in condition)
    with_condition = f" with a condition of shape {shapes}" if condition else ""
    with _told(f"the generator does not take {given}{with_condition}"), precise:
        generated = generator(latents, *condition)
    _check_samples(generated, samples, exact=isinstance(precise, contextlib.nullcontext))
    generated = generated.to(dtype)
    fake = generated.detach()

    both = torch.cat([samples, fake])
    untouched = both._version
    taken = f"samples of shape {tuple(samples.shape[1:])}{with_condition}"
    draws = torch.Generator()

    def judge(x: torch.Tensor, *c: torch.Tensor) -> torch.Tensor:
        return discriminator(*(step.augmentation(x, c, draws) if step.augmentation else (x, *c)))

    with _told(f"the discriminator does not take what the generator makes, {taken}"), precise:
        logits = judge(both, *repeated(condition, 2))
    in_place = both._version > untouched
    _check_logits(logits, len(both))
    if isinstance(precise, contextlib.nullcontext):
        _refuse_probabilities(discriminator, both, repeated(condition, 2), logits)
    for network, name in ((generator, "generator"), (discriminator, "discriminator")):
        if new := _names(network) - before[network]:
            raise Refused(
                f"the {name} makes weights when it is called, first {min(new)!r}; call it once "
                "before training, with a batch of what it takes"
            )
    on_real, on_fake = logits.to(dtype).chunk(2)
    seen = partial(
        Seen,
        real=samples,
        latents=latents,
        condition=tuple(condition),
        generator=generator,
        discriminator=discriminator,
    )
    shown = seen(generated=fake, logits_real=on_real, logits_generated=on_fake)
    more = _added(terms.get("discriminator"), shown, precise)
    with _told("the discriminator's step fails"):
        (step.critic_loss(on_real, on_fake) + more).backward()
    with _told("the generator's step fails", in_place):
        with precise:
            if step.paired:
                judged = judge(torch.cat([samples, generated]), *repeated(condition, 2))
                against = judged.to(dtype).chunk(2)
            else:
                against = (judge(generated, *condition).to(dtype),)
        weights = [weight for weight in generator.parameters() if weight.requires_grad]
        loss = step.generator_loss(*against)
    compared = against[0] if step.paired else None
    shown = seen(generated=generated, logits_real=compared, logits_generated=against[-1])
    more = _added(terms.get("generator"), shown, precise)
    with _told("the generator's step fails", in_place):
        (loss + more).backward(inputs=weights)
    if all(weight.grad is None for weight in weights):
        raise Refused(
            "the generator gets no gradient, for the discriminator's logits do not depend on its "
            "samples: does it detach them, or leave them out?"
        )
    if step.penalties:
        # Of weight 1: a schedule may begin at zero.
        penalties = [Penalty(each.where, each.norm, 1.0) for each in step.penalties]
        with _told("the penalties cannot be taken of the discriminator", in_place), precise:
            penalty = gradient_penalty(judge, samples, fake, penalties, draws, condition=condition)
            penalty.backward()
    with _told("the optimiser's step fails"):
        learnt = [weight for weight in discriminator.parameters() if weight.requires_grad]
        for each in (weights, learnt):
            adam(each).step()
    for network, name in ((generator, "generator"), (discriminator, "discriminator")):
        with _told(f"the state of the {name} cannot be given to a copy of it"):
            original = getattr(gan, name)
            network.load_state_dict(getattr(original, "_orig_mod", original).state_dict())
    finite = all(bool(made.isfinite().all()) for made in (generated, logits, *against))
    return _Taken(_shares(gan, discriminator, generated), finite)


def _names(network: nn.Module) -> set[str]:
    return {name for name, _ in network.named_parameters()}


def _added(terms: Mapping[str, Term] | None, seen: Seen, precise: Any) -> Any:
    """The sum of the terms, whatever their weights."""
    with precise:
        return sum((value_of(term, seen) for term in (terms or {}).values()), 0.0)


@contextlib.contextmanager
def _told(sentence: str, in_place: bool = False) -> Iterator[None]:
    """What fails inside is a ValueError that says so, but for a lack of memory; of a discriminator
    that changes its input in place, that says this."""
    try:
        yield
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:  # of many types: the networks are the user's
        cause = (
            "the discriminator changes its input in place; give its first layer inplace=False"
            if in_place
            else " ".join(str(error).split())
        )
        raise Refused(f"{sentence}: {cause}") from error


def _check_samples(generated: Any, samples: torch.Tensor, exact: bool) -> None:
    if not torch.is_tensor(generated):
        raise WrongType(f"the generator returns a {type(generated).__name__}; {_ALONE}")
    if generated.shape != samples.shape or (exact and generated.dtype != samples.dtype):
        raise Refused(
            f"the generator makes samples of shape {tuple(generated.shape[1:])} and type "
            f"{generated.dtype}, but the data have {tuple(samples.shape[1:])} and "
            f"{samples.dtype}; the two must agree"
        )
    if not generated.requires_grad:
        raise Refused(
            "what the generator makes does not depend on its weights: does it detach it, or "
            "compute under torch.no_grad?"
        )


def _check_logits(logits: Any, n: int) -> None:
    if not torch.is_tensor(logits):
        raise WrongType(f"the discriminator returns a {type(logits).__name__}; {_ALONE}")
    of_patches = logits.ndim == 4 and logits.shape[:2] == (n, 1) and logits.numel() > 0
    if logits.shape not in [(n,), (n, 1)] and not of_patches:
        one_each = logits.shape[:1] == (n,) and logits.numel() == n
        raise Refused(
            f"for {n} samples the discriminator returns shape {tuple(logits.shape)}; it must "
            f"return one logit a sample, shape {(n,)} or {(n, 1)}"
            f"{': let it end in nn.Flatten(0)' if one_each else f', or a patch, ({n}, 1, h, w)'}"
        )
    if not logits.requires_grad:
        raise Refused(
            "the discriminator's logits do not depend on its weights: does it detach them, or "
            "compute under torch.no_grad?"
        )


@torch.no_grad()
def _refuse_probabilities(
    discriminator: nn.Module,
    x: torch.Tensor,
    condition: Sequence[torch.Tensor],
    logits: torch.Tensor,
) -> None:
    """Refuse outputs that lie between 0 and 1 and stay there when weights are made thirty times as
    large, and samples thirty and a million times: they are probabilities, not logits. (Under
    spectral normalisation the size of a weight does not count, and small logits stay small.)"""

    def between(found: torch.Tensor) -> bool:
        return bool(((found >= 0) & (found <= 1)).all())

    if not between(logits) or not logits.any():
        return
    loud = copied(discriminator, "discriminator")
    for weight in loud.parameters():
        weight.mul_(30)
    try:
        if not all(between(loud(factor * x, *condition)) for factor in (30.0, -30.0, 1e6, -1e6)):
            return
    except Exception:  # it may take no such samples
        return
    raise Refused(
        "the discriminator ends in a sigmoid: it returns probabilities, and the losses here take "
        "logits; leave the sigmoid out"
    )


_ALONE = "it must return one tensor: return that alone, or wrap the network in one that does"


def _shares(gan: GAN, discriminator: nn.Module, generated: torch.Tensor) -> bool:
    """Whether weights that a discriminator's step changes are behind what was generated: those of
    the generator, by where their numbers lie, or any in the graph of it."""
    learnt = [w for net in (gan.discriminator, discriminator) for w in net.parameters()]
    changed = {_place(w) for w in learnt if w.requires_grad}
    behind = [*gan.generator.parameters(), *gan.generator.buffers(), *_leaves(generated.grad_fn)]
    return bool(changed & {_place(tensor) for tensor in behind} - {None})


def _place(tensor: torch.Tensor) -> int | None:
    """Where the numbers of a tensor lie; None where that says nothing."""
    strided = tensor.layout is torch.strided and tensor.numel()
    return tensor.untyped_storage().data_ptr() or None if strided else None


def _leaves(root: Any) -> Iterator[torch.Tensor]:
    """The tensors at the ends of a graph."""
    seen, ahead = set(), [root]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name().endswith("AccumulateGrad"):
            yield node.variable
        ahead += [following for following, _ in node.next_functions]


def _compiled(network: nn.Module) -> bool:
    marks = ("_orig_mod", "_compiled_call_impl")  # of torch.compile, of Module.compile
    of_forward = "_torchdynamo_orig_callable"
    return any(
        any(getattr(layer, mark, None) for mark in marks) or hasattr(layer.forward, of_forward)
        for layer in network.modules()
    )


def _statistics(gan: GAN) -> str:
    """The first layer that takes statistics of a batch, in words."""
    for name in ("generator", "discriminator"):
        for path, layer in getattr(gan, name).named_modules():
            if isinstance(layer, _BatchNorm):
                return f", as the {name}'s {_layer(path, layer)} takes statistics of them"
    return ""


def _layer(path: str, layer: nn.Module) -> str:
    return f"layer {path!r} ({type(layer).__name__})" if path else f"{type(layer).__name__}"


def _tensors(value: Any, seen: set | None = None) -> Iterator[torch.Tensor]:
    """All tensors in nested dicts, lists, tuples and sets."""
    seen = set() if seen is None else seen
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, (dict, list, tuple, set)) and id(value) not in seen:
        seen.add(id(value))
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each, seen)


def _detached(network: nn.Module) -> dict:
    """Copies without a graph of the tensors that layers keep from a forward, by their id."""
    found: dict[int, torch.Tensor] = {}
    for layer in network.modules():
        own = [value for key, value in vars(layer).items() if key != "_modules"]
        found |= {id(x): x.detach().clone() for x in _tensors(own) if not x.is_leaf}
    return found


def _uncopied(network: nn.Module) -> str:
    """Which attribute of which layer has no copy, in words."""
    memo = _detached(network)
    for path, layer in network.named_modules():
        for key, value in vars(layer).items():
            try:
                if key != "_modules":
                    copy.deepcopy(value, dict(memo))
            except Exception:
                return f"{key!r} in its {_layer(path, layer)}"
    return "it"
