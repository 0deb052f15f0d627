"""Writing leaves the whole result or what was there before."""

from pathlib import Path

import pytest

from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path


def fill(folder: Path, *names: str) -> None:
    """Make a folder with files that hold their own names."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_file_gets_its_name_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "table.csv"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".csv"
    assert target.read_text() == "new"
    assert names(target.parent) == ["table.csv"]


def test_existing_file_is_refused_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(InputError, match=r"`.*table.csv` exists already. .* overwrite=True"), atomic_path(target):
        pass
    with atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(type(error)), atomic_path(target, overwrite=True) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_disk_that_fills_up_is_told(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    target = tmp_path / "table.csv"
    target.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # no file may grow beyond this, as on a full disk
    try:
        with (
            pytest.raises(InputError, match=r"could not be written: .* Nothing was changed there; make room"),
            atomic_path(target, overwrite=True) as temporary,
        ):
            temporary.write_bytes(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_place_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="could not be written"), atomic_path(tmp_path / "file" / "out.csv"):
        pass


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "ctc"
    fill(target, "mask000.tif", "mask001.tif", "res_track.txt")
    with pytest.raises(InputError, match="exists already"), atomic_path(target):
        pass
    with atomic_path(target, overwrite=True) as temporary:
        fill(temporary, "mask000.tif", "res_track.txt")
    assert names(target) == ["mask000.tif", "res_track.txt"]
    assert names(tmp_path) == ["ctc"]


def test_empty_folder_is_no_loss(tmp_path: Path) -> None:
    (tmp_path / "ctc").mkdir()
    with atomic_path(tmp_path / "ctc") as temporary:
        fill(temporary, "mask000.tif")
    assert names(tmp_path / "ctc") == ["mask000.tif"]


def test_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "ctc"
    fill(target, "mask000.tif")
    with pytest.raises(RuntimeError), atomic_path(target, overwrite=True) as temporary:  # noqa: PT012
        fill(temporary, "mask001.tif")
        raise RuntimeError
    assert names(target) == ["mask000.tif"]
    assert names(tmp_path) == ["ctc"]


def test_folder_with_other_files_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "home"
    fill(target, "mask000.tif", "thesis.docx")
    with (
        pytest.raises(InputError, match=r"also holds `thesis.docx`, which this export does not write"),
        atomic_path(target, overwrite=True) as temporary,
    ):
        fill(temporary, "mask000.tif")
    assert names(target) == ["mask000.tif", "thesis.docx"]
    assert names(tmp_path) == ["home"]


def test_file_and_folder_do_not_replace_each_other(tmp_path: Path) -> None:
    fill(tmp_path / "folder", "a.csv")
    (tmp_path / "file").write_text("old")
    with (
        pytest.raises(InputError, match="is a folder, but a file would be written"),
        atomic_path(tmp_path / "folder", overwrite=True) as temporary,
    ):
        temporary.write_text("new")
    with (
        pytest.raises(InputError, match="is a file, but a folder would be written"),
        atomic_path(tmp_path / "file", overwrite=True) as temporary,
    ):
        temporary.mkdir()
    assert names(tmp_path / "folder") == ["a.csv"]
    assert (tmp_path / "file").read_text() == "old"


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    with atomic_path(tmp_path / "link.csv", overwrite=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"
