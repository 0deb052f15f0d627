"""Run as a program, it tracks in a project until it is killed: ``workflow_actions.py PROJECT PREDICTION SEED``."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "editing"))
from editing_actions import act

from nbtrack.params import SegmentationParams
from nbtrack.workflow import Workflow

PARAMS = SegmentationParams(channel=1, threshold=0.4)


def main(project, prediction, seed):
    """Load, apply and act for ever; say after each action that it was done."""
    workflow = Workflow(project)
    workflow.load(prediction=prediction)
    workflow.apply(PARAMS)
    rng = np.random.default_rng(int(seed))
    while True:
        if act(workflow.session, rng):
            sys.stdout.write("x")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
