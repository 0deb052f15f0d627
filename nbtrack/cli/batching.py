"""The command ``batch``: the same parameters for many movies."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from nbtrack.cli.options import add_command
from nbtrack.cli.output import add_json_option, note, show
from nbtrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("movie", "status", "frames", "objects", "tracks", "divisions", "mergers", "gap", "seconds")


def add_commands(commands: Any) -> None:
    """Add the command of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add it.
    """
    parser = add_command(
        commands,
        "batch",
        run_batch,
        "Segment, track and write many movies with the same parameters; call it again to go on after a stop.",
        """\
nbtrack batch batch.toml
nbtrack batch batch.toml "more/*_Probabilities.h5" --out elsewhere/ --json

batch.toml:
  movies = "predictions/*.h5"            # or a list; paths begin at this file
  raw = { replace = "_Probabilities", by = "" }   # or "raw/{stem}.h5"; may be left out
  out = "tracked"
  formats = ["csv", "ctc"]

  [input]
  axes = "tyxc"                          # where the files do not say it

  [segmentation]
  channel = 1
  size = [30, 5000]

  [tracking]
  timeout = 600""",
    )
    parser.usage = "nbtrack batch CONFIG.toml [MOVIE ...] [--out DIR] [--executor NAME] [--overwrite] [--json]"
    parser.add_argument("config", metavar="CONFIG.toml", help="movies, how to read them, parameters, what to write")
    parser.add_argument("movies", nargs="*", metavar="MOVIE", help="files or patterns, in place of those of CONFIG")
    parser.add_argument("--out", metavar="DIR", help="folder of the results, in place of that of CONFIG")
    parser.add_argument(
        "--executor",
        choices=("threads", "processes", "serial"),
        help="who works on the frames of a movie (default threads)",
    )
    parser.add_argument("--overwrite", action="store_true", help="do everything anew, also what is done")
    add_json_option(parser)


def run_batch(args: argparse.Namespace) -> None:
    """Do ``nbtrack batch``."""
    from nbtrack.batch.running import SUMMARY_FILE, run

    table = run(
        args.config,
        args.movies or None,
        out=args.out,
        executor=args.executor,
        overwrite=args.overwrite,
        progress=_Progress(),
    )
    rows = [row.dropna().to_dict() for _, row in table.iterrows()]
    show({"movies": rows}, _text(table), as_json=args.json)
    failed = table.loc[table["status"] == "failed", "movie"].to_list()
    if failed:
        raise InputError(
            f"{len(failed)} of {len(table)} movies failed: {', '.join(failed)}. {SUMMARY_FILE} has the reasons. Mend "
            "them and run the same command again: what is done is kept."
        )


class _Progress:
    """Say which movie is worked on: a line for each on the standard error, rewritten where that is a terminal."""

    def __init__(self) -> None:
        self._movie = ""

    def __call__(self, movie: str, stage: str, done: int, total: int) -> None:
        if movie != self._movie:
            self._movie = movie
            note(f"{movie} ...")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{movie}: {stage} {done} of {total}\r")
            sys.stderr.flush()


def _text(table: "pd.DataFrame") -> str:
    """Lay out the summary for people, with the reasons of what failed below."""
    shown = table[list(_SHOWN)].astype(object)
    for name, form in (("gap", "{:.2g}"), ("seconds", "{:.1f}")):
        shown[name] = shown[name].map(form.format, na_action="ignore")
    shown = shown.where(shown.notna(), "")
    lines = [shown.to_string(index=False)]
    failed = table[table["status"] == "failed"]
    lines += [f"{movie}: {why}" for movie, why in zip(failed["movie"], failed["message"], strict=True)]
    return "\n".join(lines)
