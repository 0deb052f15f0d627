"""The command ``evaluate``."""

import argparse
from typing import Any

from nbtrack.cli.options import add_command
from nbtrack.cli.output import add_json_option, note, rounded, show, table


def add_commands(commands: Any) -> None:
    """Add the command of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add it.
    """
    evaluate = add_command(
        commands,
        "evaluate",
        run_evaluate,
        "Compare a result with the truth, both as Cell Tracking Challenge folders.",
        "nbtrack evaluate out/ctc 01_GT/TRA\nnbtrack evaluate out/ctc 01_GT/TRA --errors errors.csv --json",
    )
    evaluate.add_argument("result", metavar="RESULT_DIR", help="folder with mask*.tif and res_track.txt")
    evaluate.add_argument("truth", metavar="TRUTH_DIR", help="folder with man_track*.tif and man_track.txt")
    evaluate.add_argument("--errors", metavar="FILE.csv", help="write every error with its frame, objects and centres")
    evaluate.add_argument("--overwrite", action="store_true", help="replace FILE.csv if it is there")
    add_json_option(evaluate)


def run_evaluate(args: argparse.Namespace) -> None:
    """Do ``nbtrack evaluate``."""
    from nbtrack.evaluation import evaluate

    found = evaluate(args.result, args.truth)
    if args.errors is not None:
        from nbtrack.comparison.mistakes import find_errors

        errors = find_errors(args.result, args.truth)
        errors.write(args.errors, overwrite=args.overwrite)
        note(f"{len(errors)} errors are in {args.errors}")
    show(found, table(rounded(found)), as_json=args.json)
