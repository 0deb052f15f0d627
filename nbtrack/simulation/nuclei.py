"""Put population, microscope and classifier together: a movie of nuclei with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.lineage import Lineage
from nbtrack.simulation.appearance import CameraSettings, Microscope, Renderer
from nbtrack.simulation.motion import PopulationSettings, simulate_population
from nbtrack.simulation.prediction import Classifier, FaultSettings, fault_table, find_faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Simulation:
    """A simulated movie.

    Parameters
    ----------
    raw : ndarray of uint16, shape (t, [z,] y, x)
        Grey values.
    prediction : ndarray of float32, shape (t, [z,] y, x, 2)
        Probability of background and foreground.
    labels : ndarray of uint32, shape (t, [z,] y, x)
        True labels; each is the id of a track.
    truth : Lineage
        True tracks and divisions.
    faults : DataFrame
        What is wrong in the prediction.
    """

    raw: NDArray[np.uint16]
    prediction: NDArray[np.float32]
    labels: NDArray[np.uint32]
    truth: Lineage
    faults: pd.DataFrame


def simulate_nuclei(
    population: PopulationSettings,
    camera: CameraSettings,
    errors: FaultSettings,
    *,
    shape: Sequence[int],
    spacing: Sequence[float],
    n_frames: int,
    seed: int,
) -> Simulation:
    """Make a movie of nuclei.

    Parameters
    ----------
    population : PopulationSettings
        How the nuclei live.
    camera : CameraSettings
        How they are seen.
    errors : FaultSettings
        How they are predicted.
    shape : sequence of int, length ndim
        Size of a frame in pixels.
    spacing : sequence of float, length ndim
        Size of a pixel along each axis, in pixels of the image plane.
    n_frames : int
        Number of frames.
    seed : int
        Seed of all chance: the same call gives the same movie.

    Returns
    -------
    Simulation
    """
    cells = simulate_population(population, n_frames, np.random.default_rng([seed, 0]))
    renderer = Renderer(shape, spacing, seed)
    microscope = Microscope(shape, spacing, camera, np.random.default_rng([seed, 3]))
    raw = np.empty((n_frames, *shape), np.uint16)
    labels = np.empty((n_frames, *shape), np.uint32)
    for t, snapshot in enumerate(cells.snapshots):
        labels[t], light = renderer.draw(snapshot)
        raw[t] = microscope.expose(light, t)
    truth = tracks_from_labels(labels, cells.daughters)
    debris = [snapshot.debris for snapshot in cells.snapshots]
    prediction, faults = predict_movie(labels, debris, errors, spacing=spacing, seed=seed)
    return Simulation(raw, prediction, labels, truth, faults)


def predict_movie(
    labels: NDArray[np.uint32],
    debris: Sequence[NDArray[np.float64]],
    errors: FaultSettings,
    *,
    spacing: Sequence[float],
    seed: int,
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Predict all frames and list what is wrong.

    Parameters
    ----------
    labels : ndarray of uint32, shape (t, [z,] y, x)
        True labels.
    debris : sequence of ndarray, one for each frame
        As in `Snapshot`.
    errors : FaultSettings
        How often the classifier errs.
    spacing : sequence of float, length ndim
        Size of a pixel along each axis, in pixels of the image plane.
    seed : int
        Seed of all chance.

    Returns
    -------
    prediction : ndarray of float32, shape (t, [z,] y, x, 2)
        Probability of background and foreground.
    faults : DataFrame
        From `find_faults`, all frames.
    """
    classifier = Classifier(labels.shape[1:], spacing, errors, seed)
    prediction = np.empty((*labels.shape, 2), np.float32)
    rows = []
    for t, frame in enumerate(labels):
        foreground = classifier.predict(frame, debris[t], t)
        prediction[t, ..., 1] = foreground
        prediction[t, ..., 0] = 1 - foreground
        rows += find_faults(frame, foreground, t)
    return prediction, fault_table(rows, labels.ndim - 1)


def tracks_from_labels(labels: NDArray[np.uint32], daughters: dict[int, tuple[int, int]]) -> Lineage:
    """Turn labels that are cell ids into labels that are track ids, in place, and make their lineage.

    A cell that leaves the field of view and comes back is a new track. A division counts where mother and both
    daughters are seen in successive frames; if only one daughter is seen, it carries on the mother's track.

    Parameters
    ----------
    labels : ndarray of uint32, shape (t, [z,] y, x)
        Cell ids; changed to track ids, which count up in order of appearance.
    daughters : dict of int to tuple of int
        The two daughters of each cell that divided.

    Returns
    -------
    Lineage
        Object ids are track ids.
    """
    lineage = Lineage()
    mothers = {child: mother for mother, pair in daughters.items() for child in pair}
    before: dict[int, int] = {}
    n_tracks = 0
    for t, frame in enumerate(labels):
        present = (np.nonzero(np.bincount(frame.ravel())[1:])[0] + 1).tolist()
        now: dict[int, int] = {}
        born: dict[int, list[int]] = {}
        for cell in present:
            mother = mothers.get(cell)
            alone = mother in before and sum(sister in present for sister in daughters[mother]) == 1
            if cell in before:
                now[cell] = before[cell]
            elif mother is not None and alone:
                now[cell] = before[mother]
            else:
                n_tracks += 1
                now[cell] = n_tracks
                if mother is not None and mother in before:
                    born.setdefault(before[mother], []).append(n_tracks)
            lineage.assign(t, now[cell], now[cell])
        for track, (first, second) in born.items():
            lineage.divide(t - 1, track, first, second)
        table = np.zeros(int(frame.max(initial=0)) + 1, np.uint32)
        table[list(now)] = list(now.values())
        frame[...] = table[frame]
        before = now
    return lineage
