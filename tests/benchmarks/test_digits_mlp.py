"""The benchmark of the MLP programs: its committed results are whole, and it can be run again."""

import pytest
import torch

from gancode import networks
from gancode.benchmarks import digits_mlp as benchmark


def test_the_results_hold_every_variant_with_every_seed():
    table = benchmark.results()
    runs = {(row["variant"], row["seed"]) for row in table["rows"]}
    assert runs == {(name, seed) for name in benchmark.VARIANTS for seed in benchmark.SEEDS}
    assert len(runs) == len(table["rows"])
    assert table["provenance"]["steps"] == benchmark.STEPS
    assert table["provenance"]["batch_size"] == benchmark.BATCH
    assert set(table["sheets"]) == set(benchmark.VARIANTS)


@pytest.mark.parametrize("pixels", [(0.5, 0.5), (0.0, 1.0), (0.1307, 0.3081)])
def test_restore_undoes_rescale(pixels):
    images = torch.linspace(-1, 1, 784).reshape(1, 1, 28, 28)
    seen = benchmark.rescale(images, pixels)
    torch.testing.assert_close(benchmark.restore(seen, pixels), images)
    assert benchmark.restore(seen + 9, pixels).max() <= 1


def test_a_sheet_keeps_its_images():
    images = networks.mlp_generator(4, (1, 28, 28))(torch.randn(12, 4)).detach()
    kept = benchmark.pictures(benchmark.sheet(images))
    torch.testing.assert_close(kept, images[:10], atol=1 / 127.5, rtol=0)


def test_a_run_can_be_repeated():
    (run, first), (_, second) = (benchmark.fit("labels 0.9 and 0.1", 3, steps=2) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (benchmark.SAMPLES, *benchmark.SHAPE)
    assert set(benchmark.row(run, first)) < set(benchmark.results()["rows"][0])
