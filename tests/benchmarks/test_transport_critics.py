"""Critics of slope 1: the pairs are what they say, and the file of results is whole."""

import pytest
import torch

import gancode
from gancode import metrics
from gancode.benchmarks import transport
from gancode.benchmarks.transport import Funnels, MaxMin, fit, played, slope


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {"steps": 4, "batch_size": 16, "samples": 50, "hidden": (8, 8)}.items():
        monkeypatch.setitem(transport.FUNNELS, name, value)


def test_the_results_hold_every_critic_and_every_game():
    table = transport.results()
    assert list(table["critics"]) == [str(d) for d in transport.DIMENSIONS]
    for rows in table["critics"].values():
        assert list(rows) == list(transport.CRITICS)
        assert {len(found) for found in rows.values()} == {len(transport.SEEDS)}
    assert list(table["varied"]) == list(transport.VARIED)
    assert {len(found) for found in table["varied"].values()} == {len(transport.SEEDS)}
    assert list(table["games"]) == list(transport.GAMES)
    assert {len(found) for found in table["games"].values()} == {len(transport.SEEDS)}


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("d", [1, 2, 16])
def test_a_slide_into_a_funnel_is_a_best_transport(d, double):
    gancode.seed(0)
    funnels = Funnels(d)
    data, slid, lengths = funnels.transported(200)
    distances = (torch.cdist(x, funnels.centres) + funnels.offsets for x in (data, slid))
    before, after = (each.min(1).values for each in distances)
    torch.testing.assert_close(before - after, lengths)
    assert metrics.wasserstein(data, slid).distance == pytest.approx(lengths.mean().item())
    torch.testing.assert_close((slid - data).norm(dim=1), lengths)


def test_a_slide_is_no_best_transport_for_another_funnel():
    gancode.seed(0)
    data, slid, lengths = Funnels(2).transported(200)
    assert metrics.wasserstein(data, slid.roll(1, 0) * 2).distance > 1.2 * lengths.mean()


def test_a_funnel_has_slope_1_and_points_away_from_its_centre():
    gancode.seed(1)
    funnels = Funnels(3)
    data, slid, _ = funnels.transported(100)
    found = slope(funnels, slid)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(100))
    way = data - slid
    cosines = torch.cosine_similarity(found, way)
    torch.testing.assert_close(cosines, torch.ones(100), atol=1e-3, rtol=0)


def test_maxmin_keeps_all_entries_the_larger_first():
    x = torch.tensor([[1.0, 5.0, 3.0, 2.0]])
    assert MaxMin()(x).tolist() == [[3.0, 5.0, 1.0, 2.0]]


def test_every_critic_meets_the_same_pair_and_is_its_own():
    rows = {name: fit(name, 2, 0) for name in transport.CRITICS}
    estimates = [row["estimate"] for row in rows.values()]
    assert len(set(estimates)) == len(estimates)
    assert fit("penalty", 2, 0) == rows["penalty"] != fit("penalty", 2, 1)
    gancode.seed(0)
    centres = Funnels(2).centres
    gancode.seed(0)
    torch.testing.assert_close(centres, Funnels(2).centres)


def test_a_constant_that_is_changed_is_obeyed(monkeypatch):
    narrow, wide = (fit(f"clip={most}", 2, 0)["length"] for most in (0.01, 0.3))
    assert 0 < narrow < wide
    monkeypatch.setitem(transport.VARIED["penalty, longer"], "steps", 4)
    assert fit("penalty, longer", 2, 0) == fit("penalty", 2, 0)
    monkeypatch.setitem(transport.VARIED["penalty, longer"], "steps", 5)
    assert fit("penalty, longer", 2, 0) != fit("penalty", 2, 0)


def test_a_game_is_looked_at_and_its_critic_kept():
    run = played("clip", 0, steps=2, log_every=1)
    assert [row["step"] for row in run.history] == [1, 2]
    assert all({"estimate", "distance"} <= row.keys() for row in run.history)
    assert max(w.abs().max() for w in run.gan.discriminator.parameters()) <= 0.1
    free = played("plain loss", 0, steps=2, log_every=1)
    assert max(w.abs().max() for w in free.gan.discriminator.parameters()) > 0.1


def test_two_samples_of_the_data_are_apart_by_the_same_for_a_seed():
    assert transport.floor(0) == transport.floor(0) != transport.floor(1)
    assert 0 < transport.floor(0) < 0.5


def test_an_unknown_name_is_refused():
    with pytest.raises(gancode.Refused, match="unknown 'nobody'; the names are"):
        transport.main(["nobody"])
