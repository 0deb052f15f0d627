import http.server
import json
import os
import threading
import zipfile
from functools import partial
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from nbtrack.errors import InputError
from nbtrack.samples import sample
from nbtrack.segmentation import segment


# ------------------------------------------------------------------ simulated
@pytest.fixture(scope="module")
def nuclei():
    return sample("nuclei")


@pytest.fixture(scope="module")
def nuclei_3d():
    return sample("nuclei_3d", n_frames=8)


@pytest.mark.parametrize("name", ["nuclei", "nuclei_3d"])
def test_truth_and_movies_fit(request, name):
    made = request.getfixturevalue(name)
    axes = "tyx" if name == "nuclei" else "tzyx"
    assert (made.raw.axes, made.prediction.axes, made.labels.axes) == (axes, axes + "c", axes)
    assert made.raw.dtype == np.uint16
    assert made.labels.dtype == np.uint32
    assert made.prediction.dtype == np.float32
    assert made.prediction.drange == (0.0, 1.0)
    assert made.prediction.n_channels == 2
    assert made.raw.shape == made.labels.shape == made.prediction.shape[:-1]
    assert made.scale == made.labels.scale
    assert made.raw.unit == "um"
    made.truth.check()
    for t in range(len(made.labels)):
        ids = np.unique(made.labels[t])
        assert set(ids[ids > 0].tolist()) == set(made.truth.labelled(t))
        assert all(made.truth.object_at(i, t) == i for i in ids[ids > 0].tolist())
    np.testing.assert_allclose(made.prediction[3].sum(axis=-1), 1, atol=1e-6)
    for _, track in made.truth.tracks.iterrows():
        assert len(made.truth.objects_of(track.track_id)) == track.t_end - track.t_start + 1, "a track has a gap"


def test_nuclei_are_a_usual_movie(nuclei):
    assert nuclei.raw.shape == (40, 440, 560)
    per_frame = [len(nuclei.truth.labelled(t)) for t in range(40)]
    assert 25 <= per_frame[0] <= 50
    assert max(per_frame) <= 90
    assert 15 <= len(nuclei.truth.divisions) <= 50
    assert "nuclei" in repr(nuclei)
    inside, outside = nuclei.labels[5] > 0, nuclei.labels[5] == 0
    assert np.median(nuclei.raw[5][inside]) > np.percentile(nuclei.raw[5][outside], 90)


def test_3d_nuclei_are_anisotropic(nuclei_3d):
    assert nuclei_3d.raw.shape == (8, 20, 128, 128)
    assert nuclei_3d.scale[0] == 4 * nuclei_3d.scale[1]
    assert nuclei_3d.truth.divisions


def test_faults_are_few_but_there(nuclei):
    faults, n = nuclei.faults, len(nuclei.truth.objects)
    assert faults.columns.tolist() == ["t", "kind", "track_ids", "size", "y", "x"]
    merged = faults[faults.kind == "merged"].track_ids.str.count(";").sum() / n
    specks, missed = ((faults.kind == kind).sum() / n for kind in ("speck", "missed"))
    assert 0.005 < merged < 0.06
    assert 0.005 < specks < 0.05
    assert 0.001 < missed < 0.02


def test_faults_are_what_segmentation_meets(nuclei):
    """Objects found by `segment` = true objects - missed - merged away + specks."""
    found = segment(nuclei.prediction, channel=1, sigma=1.0, threshold=0.5, size=(10, 10**6)).table.groupby("t").size()
    for t in range(0, 40, 5):
        faults = nuclei.faults[nuclei.faults.t == t]
        lost = faults[faults.kind == "merged"].track_ids.str.count(";").sum() + (faults.kind == "missed").sum()
        assert found[t] == len(nuclei.truth.labelled(t)) - lost + (faults.kind == "speck").sum()


def test_same_seed_same_movie():
    options = {"size": 96, "n_frames": 4, "n_cells": 5}
    first, second = sample("nuclei", seed=3, **options), sample("nuclei", seed=3, **options)
    other = sample("nuclei", seed=4, **options)
    for t in range(4):
        np.testing.assert_array_equal(first.raw[t], second.raw[t])
        np.testing.assert_array_equal(first.prediction[t], second.prediction[t])
    assert first.truth == second.truth
    assert first.faults.equals(second.faults)
    assert not np.array_equal(first.raw[0], other.raw[0])


def test_options_are_kept():
    small = sample("nuclei_3d", size=(8, 64, 72), n_frames=2, n_cells=3, noise=0)
    assert small.raw.shape == (2, 8, 64, 72)
    assert sample("nuclei_3d", size=48, n_frames=1).raw.shape == (1, 20, 48, 48)
    assert sample("nuclei", size=(64, 80), n_frames=1).raw.shape == (1, 64, 80)


def test_shapes_tell_their_story():
    shapes = sample("shapes")
    truth = shapes.truth
    assert len(shapes.raw) == 12
    assert truth.children_of(2) == (5, 6)
    assert truth.divisions[2].t == 4
    rows = shapes.faults[["t", "kind", "track_ids"]].to_numpy().tolist()
    assert rows == [[5, "merged", "3;4"], [6, "merged", "3;4"], [7, "merged", "3;4"], [8, "speck", ""]]
    table = segment(shapes.prediction, channel=1).table
    assert table.groupby("t").size().tolist() == [4, 4, 4, 4, 4, 4, 4, 4, 6, 5, 5, 5]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("cells", {}, "no sample 'cells'. Choose one of 'nuclei', 'nuclei_3d', 'shapes', 'mitocheck', 'drosophila'"),
        ("nuclei", {"frames": 3}, "no option `frames`. It takes `size`, `n_frames`, `n_cells`, `seed`, `noise`"),
        ("shapes", {"seed": 3}, "no option `seed`. It takes none"),
        ("nuclei", {"size": 20}, "`size` must be one whole number or 2 of them, at least 48 x 48, got 20"),
        ("nuclei_3d", {"size": (64, 64)}, "`size` must be one whole number or 3 of them"),
        ("nuclei", {"n_frames": 0}, "`n_frames` must be a whole number of at least 1, got 0"),
        ("nuclei", {"seed": -1}, "`seed` must be a whole number of at least 0, got -1"),
        ("nuclei", {"n_cells": 5000}, "`n_cells` must be from 1 to 205 for this `size`, got 5000"),
        ("nuclei", {"noise": -1}, "`noise` must be from 0 to 10, got -1"),
    ],
)
def test_bad_input_is_refused(name, options, sentence):
    with pytest.raises(InputError, match="(?s)" + sentence.replace("(", r"\(").replace(")", r"\)")):
        sample(name, **options)


# ------------------------------------------------------------------ downloaded
def h5_bytes(path, shape, axes="txyzc"):
    tags = {"axes": [{"key": a, "typeFlags": 1, "resolution": 0, "description": ""} for a in axes]}
    with h5py.File(path, "w") as file:
        data = file.create_dataset("exported_data", data=np.ones(shape, np.float32))
        data.attrs["axistags"] = json.dumps(tags)
    return path.read_bytes()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder served on this machine; downloads are kept in another one."""
    root, cache = tmp_path / "site", tmp_path / "cache"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        served = 0

        def log_message(self, *args):
            type(self).served += 1

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("NBTRACK_CACHE", str(cache))
    monkeypatch.setenv("NBTRACK_SAMPLE_URL", f"http://127.0.0.1:{server.server_port}")
    yield SimpleNamespace(root=root, cache=cache, handler=Handler)
    server.shutdown()
    thread.join()
    server.server_close()


def put(site, name, members):
    with zipfile.ZipFile(site.root / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        for member, content in members.items():
            bundle.writestr(member, content)


def mitocheck(tmp_path, frames=3, predicted=None):
    return {
        "mitocheck/mitocheck_94570_2D+t_01-53.h5": h5_bytes(tmp_path / "r.h5", (frames, 12, 10, 1, 1)),
        "mitocheck/mitocheck_94570_2D+t_01-53_export.h5": h5_bytes(
            tmp_path / "p.h5", (predicted or frames, 12, 10, 1, 2)
        ),
        "__MACOSX/mitocheck/._mitocheck_94570_2D+t_01-53.h5": b"junk",
        "readme.txt": b"hello",
    }


def test_tutorial_data_are_fetched_once(site, tmp_path):
    put(site, "mitocheck", mitocheck(tmp_path))
    fetched = sample("mitocheck")
    assert fetched.raw.shape == (3, 10, 12)
    assert fetched.prediction.shape == (3, 10, 12, 2)
    assert (fetched.truth, fetched.labels, fetched.faults) == (None, None, None)
    assert sorted(p.name for p in (site.cache / "mitocheck").iterdir()) == [
        "mitocheck_94570_2D+t_01-53.h5",
        "mitocheck_94570_2D+t_01-53_export.h5",
    ]
    assert [p.name for p in site.cache.iterdir()] == ["mitocheck"]
    sample("mitocheck")
    assert site.handler.served == 1


def test_drosophila_is_three_dimensional(site, tmp_path):
    members = {
        "drosophila_00-49.h5": h5_bytes(tmp_path / "r.h5", (2, 9, 8, 5, 1)),
        "drosophila_00-49_export.h5": h5_bytes(tmp_path / "p.h5", (2, 9, 8, 5, 2)),
    }
    put(site, "drosophila", members)
    fetched = sample("drosophila", base_url=os.environ["NBTRACK_SAMPLE_URL"] + "/", progress=False)
    assert fetched.raw.shape == (2, 5, 8, 9)


def refuse(site, sentence, **options):
    with pytest.raises(InputError, match=sentence):
        sample("mitocheck", **options)
    assert not site.cache.exists() or list(site.cache.iterdir()) == [], "a failed download left something"


def test_missing_archive(site):
    refuse(site, r"mitocheck.zip` could not be fetched: the server answered 404")


def test_truncated_archive(site, tmp_path):
    put(site, "mitocheck", mitocheck(tmp_path))
    path = site.root / "mitocheck.zip"
    path.write_bytes(path.read_bytes()[:-300])
    refuse(site, "is not a sound zip archive")


def test_damaged_member(site, tmp_path):
    put(site, "mitocheck", mitocheck(tmp_path))
    path = site.root / "mitocheck.zip"
    content = bytearray(path.read_bytes())
    content[100:160] = bytes(60)
    path.write_bytes(bytes(content))
    refuse(site, "is not a sound zip archive")


def test_a_page_instead_of_an_archive(site):
    (site.root / "mitocheck.zip").write_text("<html>moved</html>")
    refuse(site, "is not a sound zip archive")


def test_missing_member(site, tmp_path):
    members = mitocheck(tmp_path)
    del members["mitocheck/mitocheck_94570_2D+t_01-53_export.h5"]
    put(site, "mitocheck", members)
    refuse(site, r"holds no file '\*_01-53_export.h5': found mitocheck_94570_2D\+t_01-53.h5, readme.txt")


def test_member_that_is_no_movie(site, tmp_path):
    members = mitocheck(tmp_path)
    members["mitocheck/mitocheck_94570_2D+t_01-53_export.h5"] = b"nothing useful"
    put(site, "mitocheck", members)
    refuse(site, "mitocheck_94570_2D")


def test_members_that_do_not_belong_together(site, tmp_path):
    put(site, "mitocheck", mitocheck(tmp_path, frames=3, predicted=2))
    refuse(site, "do not belong together: 'mitocheck_94570.*' has 3 frames")


def test_no_network(site):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        port = server.server_port
    refuse(site, "could not be fetched: ConnectionError. Check the connection", base_url=f"http://127.0.0.1:{port}")


def test_connection_cut_off(site, tmp_path):
    """A server that promises more than it sends."""

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"PK" * 50)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    refuse(site, "could not be fetched", base_url=f"http://127.0.0.1:{server.server_port}")
    thread.join()
    server.server_close()


def test_address_of_another_kind(site):
    refuse(site, "`base_url` must begin with http:// or https://", base_url="file:///tmp")


def test_cache_that_cannot_be_written(site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NBTRACK_CACHE", str(tmp_path / "file" / "cache"))
    refuse(site, "cannot be kept in .* set NBTRACK_CACHE to another folder")
