"""The command line: one module per group of commands, all of them thin; no widget is ever loaded.

Results go to the standard output, as text or with ``--json`` as one JSON document; progress, notes and errors go to the
standard error. Exit codes: 0 done, 2 the input or the installation does not fit (one sentence says why), 3 the solver
ended without an answer, 130 interrupted.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from nbtrack import __version__
from nbtrack.cli import batching, classifying, converting, demo, movies, results, solving, tracking
from nbtrack.errors import EditError, InputError, SolveError, SolverUnavailable

_EPILOG = """\
From a prediction map to lineages:
  nbtrack info prediction.h5
  nbtrack track prediction.h5 --axes tyxc --channel 1 --out out/ --format ctc,csv

Every command explains itself with examples: nbtrack track --help
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands.

    Returns
    -------
    argparse.ArgumentParser
        Its namespace has ``run``: a function of the namespace that does the command.
    """
    parser = argparse.ArgumentParser(
        prog="nbtrack",
        description="Track dividing, merging and vanishing objects in 2D+t and 3D+t image sequences.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nbtrack {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (movies, classifying, tracking, batching, solving, results, converting, demo):
        group.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``nbtrack``; those of the process if not given.

    Returns
    -------
    int
        The exit code.
    """
    args = make_parser().parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("nbtrack")
    logger.addHandler(handler)
    try:
        args.run(args)
    except SolveError as error:
        return _fail(error, 3)
    except (InputError, EditError, SolverUnavailable, OSError) as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        return _fail("Interrupted. What was written before is whole; nothing was left half written.", 130)
    finally:
        logger.removeHandler(handler)
    return 0


def _fail(problem: Exception | str, code: int) -> int:
    sys.stderr.write(f"nbtrack: {problem}\n")
    return code
