import numpy as np
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.rendering.colors import track_color
from nbtrack.rendering.figures import draw_frame, draw_lineage_tree, draw_overview

LINEAGE = Lineage.from_tables(
    [(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 2, 3), (3, 1, 2), (0, 2, 4), (1, 2, 4), (3, 2, 3)],
    [(1, 1, 2, 3)],
    [(0, 70_000)],
)


@pytest.fixture
def frame():
    raw = np.random.default_rng(0).normal(100, 10, (40, 50))
    labels = np.zeros((40, 50), np.uint32)
    labels[5:15, 5:15], labels[20:30, 20:30], labels[30:36, 40:48] = 1, 2, 70_000
    return raw, labels


def texts(figure):
    return sorted(text.get_text() for ax in figure.axes for text in ax.texts)


def test_frame_shows_track_ids(frame) -> None:
    figure = draw_frame(*frame, LINEAGE, 0)
    assert texts(figure) == ["1", "4", "false"]
    picture = figure.axes[0].images[0].get_array()
    assert picture.shape == (40, 50, 3)
    edge = np.asarray(picture[5, 8], dtype=float)
    assert np.abs(edge - track_color(1)).max() < 40, "the outline has the colour of the track"


def test_frame_without_lineage_raw_or_ids(frame) -> None:
    raw, labels = frame
    assert texts(draw_frame(raw, labels)) == []
    assert texts(draw_frame(None, labels, LINEAGE, 0, show_ids=False)) == []
    assert texts(draw_frame(raw, np.zeros_like(labels), LINEAGE, 0)) == []


def test_volume_is_drawn_flat(frame) -> None:
    raw, labels = frame
    figure = draw_frame(np.stack([raw, raw + 1]), np.stack([labels, np.zeros_like(labels)]), LINEAGE, 0)
    assert texts(figure) == ["1", "4", "false"]


def test_tree_has_tracks_and_forks() -> None:
    figure = draw_lineage_tree(LINEAGE)
    ax = figure.axes[0]
    assert ax.get_title() == "4 tracks in 2 lineages, 1 division"
    assert texts(figure) == ["1", "2", "3", "4"]
    assert len(ax.collections[0].get_segments()) == 4 + 2 * 2
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "time goes down"


def test_tree_says_what_it_leaves_out() -> None:
    figure = draw_lineage_tree(LINEAGE, max_lineages=1, color_by="lineage")
    assert "1 lineage not drawn" in figure.axes[0].get_title()
    assert texts(figure) == ["1", "2", "3"], "the lineage with most tracks stays"


def test_empty_tree() -> None:
    assert "0 tracks" in draw_lineage_tree(Lineage()).axes[0].get_title()


def test_overview_shows_itself_and_is_saved(frame, tmp_path) -> None:
    figure = draw_overview(*frame, LINEAGE, 0, title="sample")
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    figure.savefig(tmp_path / "overview.png")
    assert (tmp_path / "overview.png").stat().st_size > 10_000
