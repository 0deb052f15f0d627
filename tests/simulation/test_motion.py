"""Figures of the simulated movie against those of a real one, and the rules of a population."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from nbtrack.simulation.appearance import Renderer
from nbtrack.simulation.motion import PopulationSettings, simulate_population
from nbtrack.simulation.nuclei import tracks_from_labels

# HeLa nuclei of the Cell Tracking Challenge (Fluo-N2DL-HeLa 02), pixels and frames
HELA = {
    "step": {50: 2.7, 95: 8.7, 99: 13.7},
    "area": {5: 296, 50: 611, 95: 894},
    "mother_daughter": {5: 7.8, 50: 15.3, 95: 25.5},
    "daughter_daughter": {50: 29.8},
    "daughter_ratio": {50: 1.1, 95: 1.2},
    "daughter_sum": {5: 0.5, 50: 1.2, 95: 1.8},
    "neighbour": {5: 25.3, 50: 39.7},
}
DIVISIONS_PER_CELL_AND_FRAME = 47 / (19 * 160)


def measure(labels, truth):
    """Measure the quantities of HELA on one movie, as they are measured on a real one: on its label images."""
    rows = []
    for t, frame in enumerate(labels):
        sizes = np.bincount(frame.ravel())
        ids = np.nonzero(sizes)[0][1:]
        rim = np.unique(np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]]))
        centers = np.array(ndi.center_of_mass(frame > 0, frame, ids)).reshape(-1, 2)
        rows.append(
            pd.DataFrame(
                {
                    "t": t,
                    "id": ids,
                    "y": centers[:, 0],
                    "x": centers[:, 1],
                    "area": sizes[ids],
                    "cut": np.isin(ids, rim),
                }
            )
        )
    table = pd.concat(rows)
    found = defaultdict(list)
    found["area"] = table.area.tolist()
    after = table.assign(t=table.t - 1).merge(table, on=["t", "id"])
    found["step"] = np.hypot(after.x_x - after.x_y, after.y_x - after.y_y).tolist()
    for _, frame in table.groupby("t"):
        found["neighbour"] += cKDTree(frame[["y", "x"]]).query(frame[["y", "x"]], 2)[0][:, 1].tolist()
    at = table.set_index(["t", "id"])
    for d in truth.divisions.values():
        mother = at.loc[(d.t, d.parent_track_id)]
        first, second = (at.loc[(d.t + 1, child)] for child in d.children)
        found["daughter_daughter"].append(np.hypot(first.x - second.x, first.y - second.y))
        found["mother_daughter"] += [np.hypot(c.x - mother.x, c.y - mother.y) for c in (first, second)]
        if not (first.cut or second.cut):  # a nucleus cut by the border says nothing about the ratio
            found["daughter_ratio"].append(max(first.area, second.area) / min(first.area, second.area))
            if not mother.cut:
                found["daughter_sum"].append((first.area + second.area) / mother.area)
    return found, len(after)


@pytest.fixture(scope="module")
def measured():
    """Quantities of three movies of the default size."""
    pooled, n_steps = defaultdict(list), 0
    for seed in range(3):
        population = simulate_population(
            PopulationSettings(size=(440, 560), n_cells=34), 40, np.random.default_rng([seed, 0])
        )
        renderer = Renderer((440, 560), (1, 1), seed)
        labels = np.array([renderer.draw(snapshot)[0] for snapshot in population.snapshots])
        found, steps = measure(labels, tracks_from_labels(labels, population.daughters))
        n_steps += steps
        for key, values in found.items():
            pooled[key] += values
    return pooled, n_steps


@pytest.mark.parametrize(("quantity", "percent"), [(q, p) for q, at in HELA.items() for p in at])
def test_quantile_is_that_of_real_nuclei(measured, quantity, percent):
    assert np.percentile(measured[0][quantity], percent) == pytest.approx(HELA[quantity][percent], rel=0.2)


def test_division_rate_is_that_of_real_nuclei(measured):
    pooled, n_steps = measured
    rate = len(pooled["daughter_daughter"]) / n_steps
    assert rate == pytest.approx(DIVISIONS_PER_CELL_AND_FRAME, rel=0.2)


@pytest.mark.parametrize("size", [(120.0, 150.0), (60.0, 80.0, 80.0)])
def test_population_keeps_its_rules(size):
    settings = PopulationSettings(size=size, n_cells=12, cycle=12, margin=20, death_rate=0.2)
    population = simulate_population(settings, 15, np.random.default_rng(5))
    assert len(population.snapshots) == 15
    alive = [set(s.ids.tolist()) for s in population.snapshots]
    assert population.daughters
    for mother, children in population.daughters.items():
        frames = [t for t, ids in enumerate(alive) if mother in ids]
        for child in children:
            assert min([t for t, ids in enumerate(alive) if child in ids], default=15) == frames[-1] + 1
    for snapshot in population.snapshots:
        assert len(set(snapshot.ids.tolist())) == len(snapshot.ids)
        assert (snapshot.centers > -40).all()
        assert (snapshot.radii > 0).all()
        np.testing.assert_allclose(
            snapshot.rotations @ snapshot.rotations.transpose(0, 2, 1),
            np.broadcast_to(np.eye(len(size)), snapshot.rotations.shape),
            atol=1e-9,
        )
    assert any(len(snapshot.debris) for snapshot in population.snapshots), "nobody died"


def test_before_division_a_nucleus_shrinks_and_brightens():
    settings = PopulationSettings(size=(300.0, 300.0), n_cells=40)
    population = simulate_population(settings, 20, np.random.default_rng(1))
    brighter, smaller = [], []
    for mother in population.daughters:
        seen = [(s, int(np.nonzero(s.ids == mother)[0][0])) for s in population.snapshots if mother in s.ids]
        if len(seen) >= 6:
            (early, i), (late, j) = seen[-6], seen[-1]
            brighter.append(late.brightness[j] / early.brightness[i])
            smaller.append(late.radii[j].prod() / early.radii[i].prod())
    assert len(brighter) > 5
    assert np.median(brighter) > 2
    assert np.median(smaller) < 0.8
