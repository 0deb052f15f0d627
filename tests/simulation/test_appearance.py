import numpy as np
import pytest
from scipy import ndimage as ndi

from nbtrack.simulation.appearance import CameraSettings, Microscope, Renderer
from nbtrack.simulation.motion import Snapshot


def snapshot(*cells, ndim=2, radius=8.0):
    """Round cells at given centres."""
    n = len(cells)
    return Snapshot(
        ids=np.arange(1, n + 1),
        centers=np.array(cells, float).reshape(n, ndim),
        radii=np.full((n, ndim), radius),
        rotations=np.broadcast_to(np.eye(ndim), (n, ndim, ndim)),
        brightness=np.ones(n),
        condensed=np.zeros(n),
        debris=np.zeros((0, ndim + 2)),
    )


def test_a_nucleus_has_its_size_and_place():
    labels, light = Renderer((60, 70), (1, 1), 0).draw(snapshot((30, 40)))
    assert labels.dtype == np.uint32
    assert (labels > 0).sum() == pytest.approx(np.pi * 64, rel=0.2)
    np.testing.assert_allclose(ndi.center_of_mass(labels > 0), (30, 40), atol=1)
    assert light[labels > 0].mean() > 0.5
    assert light[:15].max() == 0


def test_slices_are_thicker_than_pixels():
    labels, _ = Renderer((10, 50, 50), (4, 1, 1), 0).draw(snapshot((20, 25, 25), ndim=3))
    z, y, x = np.nonzero(labels)
    assert np.ptp(z) + 1 in (3, 4, 5)
    assert np.ptp(y) > 12
    assert np.ptp(x) > 12


def test_touching_nuclei_share_the_pixels_between_them():
    labels, _ = Renderer((60, 60), (1, 1), 0).draw(snapshot((30, 22), (30, 34)))
    assert set(np.unique(labels)) == {0, 1, 2}
    assert labels[30, 20] == 1
    assert labels[30, 36] == 2
    assert all(ndi.label(labels == i)[1] == 1 for i in (1, 2))


def test_a_sliver_at_the_border_has_light_but_no_label():
    labels, light = Renderer((60, 60), (1, 1), 0).draw(snapshot((-6.5, 30), (30, 70)))
    assert labels.max() == 0
    assert light.max() > 0


def test_an_empty_frame_is_drawn():
    labels, light = Renderer((20, 20), (1, 1), 0).draw(snapshot())
    assert labels.max() == 0
    assert light.max() == 0


def test_the_picture_has_offset_background_and_noise():
    light = np.zeros((100, 100), np.float32)
    settings = CameraSettings()
    noisy = Microscope((100, 100), (1, 1), settings, np.random.default_rng(0)).expose(light, 0)
    perfect = Microscope((100, 100), (1, 1), CameraSettings(noise=0), np.random.default_rng(0)).expose(light, 0)
    assert noisy.dtype == np.uint16
    expected = settings.offset + settings.gain * settings.background
    assert np.median(noisy) == pytest.approx(expected, abs=15)
    assert noisy.std() > 3 * perfect.std()


def test_bleaching_takes_light_away():
    light = np.ones((50, 50), np.float32)
    camera = Microscope((50, 50), (1, 1), CameraSettings(noise=0), np.random.default_rng(0))
    assert camera.expose(light, 30).mean() < camera.expose(light, 0).mean()
