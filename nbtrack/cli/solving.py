"""The commands ``solve`` and ``solvers``."""

import argparse
from dataclasses import replace
from typing import Any

from nbtrack.cli.options import add_command, at_least
from nbtrack.cli.output import add_json_option, show, table
from nbtrack.cli.progress import interruptible


def add_commands(commands: Any) -> None:
    """Add the commands of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add them.
    """
    solve = add_command(
        commands,
        "solve",
        run_solve,
        "Solve a tracking model from a JSON file and print energy, bound and gap.",
        """\
nbtrack solve model.json
nbtrack solve model.json --weights weights.json --solver highs --out result.json
nbtrack solve model.json --gap 0.01 --timeout 60 --json""",
    )
    solve.add_argument("model", metavar="MODEL", help="model in the JSON format of multi-hypotheses-tracking")
    solve.add_argument("--weights", metavar="FILE", help="its weights, if they are not in MODEL")
    solve.add_argument("--case", metavar="NAME", help="which model, if MODEL holds several")
    solve.add_argument("--solver", default="auto", help='auto, or a name that "nbtrack solvers" lists (default auto)')
    solve.add_argument(
        "--gap", type=at_least(0), default=0.0, metavar="X", help="stop at this relative gap (default 0: exact)"
    )
    solve.add_argument(
        "--timeout", type=at_least(0), metavar="S", help="stop after so many seconds with the best so far"
    )
    solve.add_argument("--threads", type=at_least(1, int), metavar="N", help="threads of the solver")
    solve.add_argument("--convexify", action="store_true", help="make the energies convex first, as the tracker does")
    solve.add_argument("--out", metavar="RESULT", help="write the solution to this JSON file")
    solve.add_argument("--overwrite", action="store_true", help="replace RESULT if it is there")
    add_json_option(solve)

    solvers = add_command(
        commands,
        "solvers",
        run_solvers,
        "List the solvers and tell which of them can be used here.",
        "nbtrack solvers\nnbtrack solvers --json",
    )
    add_json_option(solvers)


def run_solve(args: argparse.Namespace) -> None:
    """Do ``nbtrack solve``."""
    from nbtrack.io.model_json import read_model, write_solution
    from nbtrack.model.objective import energy_of
    from nbtrack.solvers.solve import solve_problem

    model = read_model(args.model, weights=args.weights, case=args.case, convexify=args.convexify)
    with interruptible(args.solver) as control:
        outcome = solve_problem(
            model.problem,
            solver=args.solver,
            optimality_gap=args.gap,
            timeout=args.timeout,
            threads=args.threads,
            control=control,
        )
    report = replace(outcome.report, raw_objective=energy_of(model.raw_problem, outcome.solution))
    if args.out:
        write_solution(args.out, model, outcome.solution, report, overwrite=args.overwrite)
    rows = {
        "energy": f"{report.objective:.9g}",
        "bound": f"{report.bound:.9g}",
        "gap": f"{report.gap:.3g}",
        "status": report.status,
        "solver": report.solver,
        "seconds": f"{report.seconds:.3f}",
        "size": f"{report.n_detections} detections, {report.n_links} links",
    }
    if args.convexify:
        rows["raw energy"] = f"{report.raw_objective:.9g}"
    rows |= {"note": report.message} if report.message else {}
    rows |= {"written": args.out} if args.out else {}
    show({**report.as_dict(), "out": args.out}, table(rows), as_json=args.json)


def run_solvers(args: argparse.Namespace) -> None:
    """Do ``nbtrack solvers``."""
    from nbtrack.solvers.backends import list_solvers

    entries = list_solvers()
    found = {entry.name: {"available": entry.available, "detail": entry.detail} for entry in entries}
    rows = {entry.name: f"{'yes' if entry.available else 'no':<5}{entry.detail}" for entry in entries}
    show({"solvers": found}, table(rows), as_json=args.json)
