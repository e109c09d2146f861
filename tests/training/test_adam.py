"""The optimiser, for weights however they lie in memory."""

import ast

import pytest
import torch
from torch import nn
from tree import ROOT

from gancode.training.adam import adam

LAID = {
    "whole": lambda w: w.clone(),
    "transposed": lambda w: w.t().contiguous().t(),
    "in channels_last": lambda w: w.contiguous(memory_format=torch.channels_last),
    "a slice": lambda w: torch.stack([w, w + 9], 1)[:, 0],
    "every second": lambda w: torch.stack([w, w + 9], w.ndim).flatten(-2)[..., ::2],
    "one number": lambda w: w.clone(),
}


@pytest.mark.parametrize("kind", LAID)
def test_steps_are_those_of_the_plain_optimiser(kind):
    shape = {"transposed": (8, 3), "one number": (1, 1)}.get(kind, (8, 4, 3, 3))
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weights = [nn.Parameter(lay(start)) for lay in (LAID[kind], torch.clone)]
    optimisers = (
        adam(weights[:1], 0.1, (0.5, 0.99)),
        torch.optim.Adam(weights[1:], 0.1, (0.5, 0.99)),
    )
    for _ in range(4):
        for weight, optimiser in zip(weights, optimisers, strict=True):
            optimiser.zero_grad()
            weight.sin().square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(*(weight.detach() for weight in weights), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "fused"), [("whole", True), ("transposed", True), ("a slice", False)]
)
def test_one_kernel_is_for_weights_that_fill_their_memory(kind, fused):
    weights = [nn.Parameter(torch.zeros(3)), nn.Parameter(LAID[kind](torch.zeros(8, 3)))]
    assert adam(weights).param_groups[0]["fused"] is fused


def test_a_weight_needs_a_place_for_each_of_its_numbers():
    expanded = nn.Parameter(torch.zeros(8, 1).expand(8, 3))
    with pytest.raises(
        ValueError, match=r"shape \(8, 3\) has several of its .*nn.Parameter\(weight"
    ):
        adam([nn.Parameter(torch.zeros(2)), expanded])
    adam([nn.Parameter(torch.zeros(1, 1).expand(1, 1))])


def test_slopes_that_are_set_by_hand_are_laid_out_first():
    """The fused kernel takes the numbers of a transposed slope for those of other weights."""
    weights = [nn.Parameter(torch.zeros(8, 3)) for _ in range(3)]
    slope = torch.randn(3, 8, generator=torch.Generator().manual_seed(0)).t()
    for weight, laid_out in zip(weights, (slope, slope.contiguous(), slope), strict=True):
        weight.grad = laid_out
    for weight, fused in zip(weights, (True, True, False), strict=True):
        optimiser = torch.optim.SGD([weight], 0.1, fused=fused)
        optimiser.step()
    assert torch.equal(weights[1], weights[2]) and not torch.equal(weights[0], weights[1])
    set_by_hand = [
        ast.unparse(node.value)
        for path in (ROOT / "gancode").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(".grad")
    ]
    assert set_by_hand, "nothing is looked at"
    safe = ("None", "torch.zeros_like(weight)", "its_own")  # the last lies as it lay before
    assert [each for each in set_by_hand if each not in safe and ".contiguous()" not in each] == []
