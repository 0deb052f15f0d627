import numpy as np
import pytest
from export_cases import everything
from skimage.io import imread

from nbtrack.data.palette import track_colors
from nbtrack.errors import InputError
from nbtrack.io.png_series import BACKGROUND, encode_png, write_png


@pytest.mark.parametrize("ndim", [2, 3])
def test_pictures_show_tracks_false_detections_and_untracked_objects(ndim, tmp_path):
    case = everything(ndim)
    files = write_png(case, tmp_path / "out")
    pictures = [imread(f) for f in files if f.suffix == ".png"]
    assert [f.name for f in files][:2] == ["frame00000.png", "frame00001.png"]
    flat = [f if ndim == 2 else f.max(axis=0) for f in case.detections.labels]
    assert pictures[0].shape == (12, 14, 3)
    for t, object_id, track in [(0, 9, 65535), (1, 2, 2), (2, 5, 3), (5, 7, 0)]:
        assert (pictures[t][flat[t] == object_id] == track_colors([track])[0]).all()
    assert (pictures[0][flat[0] == 0] == BACKGROUND).all()
    by_lineage = imread(write_png(case, tmp_path / "lineages", by="lineage")[2])
    assert (by_lineage[flat[2] == 5] == track_colors([1])[0]).all()


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_raw_movie_shines_through(ndim, tmp_path):
    case = everything(ndim)
    pictures = [imread(f) for f in write_png(case, tmp_path / "out", raw=True, opacity=0.25) if f.suffix == ".png"]
    background = pictures[0][(case.detections.labels[0] if ndim == 2 else case.detections.labels[0].max(axis=0)) == 0]
    assert (background[:, 0] == background[:, 2]).all()
    assert len(np.unique(background)) > 20
    opaque = imread(write_png(case, tmp_path / "opaque", raw=True, opacity=1)[0])
    assert (opaque[flat_mask(case, 0, 9)] == 0).all()


def flat_mask(case, t, object_id):
    frame = case.detections.labels[t]
    return (frame if frame.ndim == 2 else frame.max(axis=0)) == object_id


def test_the_encoder_keeps_every_pixel(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    assert np.array_equal(imread(tmp_path / "a.png"), picture)


def test_raw_without_a_movie_and_wrong_opacity(tmp_path):
    case = everything()
    with pytest.raises(InputError, match=r"`opacity` is out of range: got 1\.5, allowed is 0 to 1\."):
        write_png(case, tmp_path / "out", opacity=1.5)
    case.movie = None
    with pytest.raises(
        InputError, match=r"`raw` needs the raw movie of the result, 6 frames of \(12, 14\): found none\."
    ):
        write_png(case, tmp_path / "out", raw=True)
