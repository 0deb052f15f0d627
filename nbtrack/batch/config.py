"""What a batch is told: which movies, how they are read, segmented and tracked, and what is written.

The same words in a TOML file and in a dict. Paths in a file are relative to the file, all others to the working folder.
"""

from __future__ import annotations

import glob
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from nbtrack.errors import InputError
from nbtrack.inputs import KINDS
from nbtrack.io.registry import WRITERS
from nbtrack.params import SegmentationParams, TrackingParams

_TOP = (
    "movies",
    "raw",
    "out",
    "formats",
    "color_by",
    "resolve_mergers",
    "classifier",
    "input",
    "segmentation",
    "tracking",
)
_INPUT = ("kind", "axes", "dataset", "scale", "raw_axes", "raw_dataset", "raw_channel")


@dataclass(frozen=True)
class Job:
    """One movie of a batch.

    Parameters
    ----------
    name : str
        Name of its folder among the results.
    movie : Path
        The prediction map, binary movie or label movie; a file, a folder or a pattern of a series of files.
    raw : Path or None
        The raw images.
    """

    name: str
    movie: Path
    raw: Path | None = None


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """The same for all movies of a batch.

    Parameters
    ----------
    jobs : tuple of Job
        The movies.
    out : Path
        Folder of the results.
    formats : tuple of str
        What to write, names that `nbtrack.write` takes.
    color_by : {"track", "lineage"}
        What the pixels of label images and pictures tell.
    resolve_mergers : bool
        Whether objects that hold several tracks are cut before they are written.
    classifier : Path or None
        What was learned about objects, as `ObjectClassifier.save` wrote it.
    reading : dict
        `kind` (one of `nbtrack.inputs.KINDS`; guessed if not given), `axes`, `dataset`, `scale`, `raw_axes`,
        `raw_dataset` and `raw_channel`, as far as they were given.
    segmentation, tracking : dict
        The parameters that were given; all others have their defaults.
    """

    jobs: tuple[Job, ...]
    out: Path
    formats: tuple[str, ...] = ("csv",)
    color_by: str = "track"
    resolve_mergers: bool = True
    classifier: Path | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    segmentation: dict[str, Any] = field(default_factory=dict)
    tracking: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check everything that can be known before the first movie is opened."""
        if not self.formats or not set(self.formats) <= set(WRITERS):
            raise InputError(f"`formats` must be some of {', '.join(WRITERS)}: got {list(self.formats)}.")
        if self.color_by not in ("track", "lineage"):
            raise InputError(f"`color_by` must be 'track' or 'lineage': got {self.color_by!r}.")
        kind = self.reading.get("kind")
        if kind is not None and kind not in KINDS:
            raise InputError(f"`kind` must be one of {', '.join(map(repr, KINDS))}: got {kind!r}.")
        if kind == "labels" and self.segmentation:
            raise InputError(
                f"`{next(iter(self.segmentation))}` belongs to the segmentation, but labels are taken as objects as "
                "they are. Leave it out, or give another `kind`. The tracker has its own `size_range`."
            )
        self.tracking_params()
        self.segmentation_params(kind or KINDS[0])

    def segmentation_params(self, kind: str) -> SegmentationParams:
        """Give the parameters for a kind of movie: binary ones are neither smoothed nor cut, unless it is asked for.

        Parameters
        ----------
        kind : str
            One of `nbtrack.inputs.KINDS`.

        Returns
        -------
        SegmentationParams
        """
        start: dict[str, Any] = {"sigma": 0.0, "threshold": 0.0} if kind == "binary" else {}
        return SegmentationParams(**(start | _tuples(SegmentationParams, self.segmentation, "segmentation")))

    def tracking_params(self) -> TrackingParams:
        """Give the parameters of the tracker.

        Returns
        -------
        TrackingParams
        """
        return TrackingParams(**_tuples(TrackingParams, self.tracking, "tracking"))

    def settings(self) -> dict[str, Any]:
        """Collect all that decides about a result, except the movie itself.

        Returns
        -------
        dict
            Plain values, and the parameters of segmentation and tracking in full.
        """
        return {
            "reading": dict(self.reading),
            "segmentation": dict(self.segmentation),
            "tracking": asdict(self.tracking_params()),
            "formats": list(self.formats),
            "color_by": self.color_by,
            "resolve_mergers": self.resolve_mergers,
        }


def read_config(
    config: str | Path | Mapping[str, Any], movies: Any = None, *, out: str | Path | None = None
) -> BatchConfig:
    """Read what a batch is told.

    Parameters
    ----------
    config : str, Path or dict
        A TOML file, or a dict with the same words: `movies`, `raw`, `out`, `formats`, `color_by`, `resolve_mergers`,
        `classifier`, and the tables `input`, `segmentation` and `tracking`.
    movies : str, Path, list or dict, optional
        The movies, in place of those of `config`: a file or pattern, or several; or files by name.
    out : str or Path, optional
        Folder of the results, in place of that of `config`.

    Returns
    -------
    BatchConfig

    Raises
    ------
    InputError
        If the file cannot be read, a word is unknown, a value does not fit, or no movie is found.
    """
    given, base = _open(config)
    _refuse_unknown(given, _TOP, "the configuration")
    reading = _table(given, "input")
    _refuse_unknown(reading, _INPUT, "`input`")
    wanted, folder = (given.get("movies"), base) if movies is None else (movies, Path())
    if wanted is None:
        raise InputError("`movies` is missing: name the files, or a pattern such as 'predictions/*.h5'.")
    where = base / str(given["out"]) if out is None and "out" in given else None if out is None else Path(out)
    if where is None:
        raise InputError("`out` is missing: name the folder for the results.")
    formats = given.get("formats", ["csv"])
    classifier = given.get("classifier")
    return BatchConfig(
        jobs=_find_jobs(wanted, given.get("raw"), folder, base),
        out=where.expanduser().resolve(),
        formats=(formats,) if isinstance(formats, str) else tuple(formats),
        color_by=given.get("color_by", "track"),
        resolve_mergers=_flag(given, "resolve_mergers"),
        classifier=None if classifier is None else (base / str(classifier)).resolve(),
        reading=reading,
        segmentation=_table(given, "segmentation"),
        tracking=_table(given, "tracking"),
    )


def _open(config: str | Path | Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    """Give the words of a configuration, and the folder that its paths begin in."""
    if isinstance(config, Mapping):
        return dict(config), Path()
    path = Path(config).expanduser()
    try:
        with path.open("rb") as file:
            return tomllib.load(file), path.resolve().parent
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` cannot be read as a TOML file: {error}. Check its name and its lines.") from error


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(
            f"`{unknown[0]}` is not known in {where}. It takes {', '.join(f'`{name}`' for name in known)}."
        )


def _table(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name, {})
    if not isinstance(value, Mapping):
        raise InputError(f"`{name}` must be a table of names and values: got {value!r}.")
    return dict(value)


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, True)
    if not isinstance(value, bool):
        raise InputError(f"`{name}` must be true or false: got {value!r}.")
    return value


def _tuples(params: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Turn lists, which is all that TOML has, into tuples; refuse names that are no parameters."""
    known = tuple(item.name for item in fields(params))
    _refuse_unknown(given, known, f"`{where}`")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _find_jobs(movies: Any, raw: Any, folder: Path, base: Path) -> tuple[Job, ...]:
    """List the movies with their names and raw images."""
    if isinstance(movies, Mapping):
        found = {str(name): folder / str(path) for name, path in movies.items()}
    else:
        if not isinstance(movies, str | Path | Iterable):
            raise InputError(f"`movies` must be a file, a pattern, a list of them, or files by name: got {movies!r}.")
        patterns = [movies] if isinstance(movies, str | Path) else list(movies)
        found = _named([path for pattern in patterns for path in _matching(folder, str(pattern))])
    if not found:
        raise InputError(f"`movies` names no file: {movies!r} matches nothing. Check the folder and the pattern.")
    bad = [name for name in found if Path(name).name != name or name.startswith(".") or not name]
    if bad:
        raise InputError(f"{bad[0]!r} cannot be the name of a movie: it is the name of a folder. Use another one.")
    return tuple(Job(name, path, _raw_of(name, path, raw, base)) for name, path in found.items())


def _matching(folder: Path, pattern: str) -> list[Path]:
    """List the files of a pattern; a plain name is taken as it is, so that a missing file is reported as such."""
    path = folder / Path(pattern).expanduser()
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    return [Path(found) for found in sorted(glob.glob(str(path), recursive=True))]


def _named(paths: list[Path]) -> dict[str, Path]:
    """Name each file by its stem, or with its folder in front where stems are the same."""
    paths = list(dict.fromkeys(paths))
    stems = Counter(path.stem for path in paths)
    names = [path.stem if stems[path.stem] == 1 else f"{path.parent.name}-{path.stem}" for path in paths]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise InputError(
            f"`movies` has several files called {twice[0]!r}. Give them names: movies = {{ first = ... }}."
        )
    return dict(zip(names, paths, strict=True))


def _raw_of(name: str, movie: Path, raw: Any, base: Path) -> Path | None:
    """Find the raw images of a movie."""
    if raw is None:
        return None
    if isinstance(raw, Mapping) and set(raw) == {"replace", "by"}:
        if str(raw["replace"]) not in movie.name:
            raise InputError(f"`raw` replaces {raw['replace']!r}, which is not in the name of {movie.name!r}.")
        return movie.with_name(movie.name.replace(str(raw["replace"]), str(raw["by"])))
    if isinstance(raw, str):
        try:
            return base / raw.format(name=name, stem=movie.stem, folder=movie.parent)
        except (LookupError, ValueError) as error:
            raise InputError(f"`raw` may name {{name}}, {{stem}} and {{folder}}: got {raw!r}.") from error
    raise InputError(
        "`raw` must be a path with {name}, {stem} or {folder} in it, or { replace = ..., by = ... }: "
        f"got {raw!r}."
    )
