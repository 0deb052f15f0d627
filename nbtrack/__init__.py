"""Track dividing, merging and vanishing objects in image sequences, in a notebook, with a certified optimum.

The names below are loaded on first use, so that ``import nbtrack`` stays light and headless work never loads a widget.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "App": "nbtrack.widgets.app",
    "AutoTracker": "nbtrack.widgets.auto_tracker",
    "ClassifyPanel": "nbtrack.widgets.classify_panel",
    "Comparison": "nbtrack.comparison.table",
    "Detections": "nbtrack.data.detections",
    "EditError": "nbtrack.errors",
    "Energies": "nbtrack.data.energies",
    "Explanation": "nbtrack.explanation.alternative",
    "HypothesisGraph": "nbtrack.data.graph",
    "InputError": "nbtrack.errors",
    "InputPanel": "nbtrack.widgets.input_panel",
    "Labelling": "nbtrack.classifiers.labelling",
    "Labels": "nbtrack.classifiers.labels",
    "Lineage": "nbtrack.data.lineage",
    "ManualTracker": "nbtrack.widgets.manual_tracker",
    "Movie": "nbtrack.data.movie",
    "ObjectClassifier": "nbtrack.classifiers.object_classifier",
    "Pin": "nbtrack.data.pins",
    "Project": "nbtrack.project",
    "Proofreader": "nbtrack.widgets.proofreader",
    "Runs": "nbtrack.runs.run_list",
    "SegmentationParams": "nbtrack.params",
    "Session": "nbtrack.editing.session",
    "SolveError": "nbtrack.errors",
    "SolverUnavailable": "nbtrack.errors",
    "ThresholdPanel": "nbtrack.widgets.threshold_panel",
    "Tracked": "nbtrack.io.tracked",
    "TrackingParams": "nbtrack.params",
    "TrackingResult": "nbtrack.data.result",
    "Workflow": "nbtrack.workflow",
    "classify": "nbtrack.classifiers.object_classifier",
    "compare": "nbtrack.comparison.differences",
    "compute_energies": "nbtrack.model.energies",
    "describe_ilastik": "nbtrack.io.ilp_project",
    "detect": "nbtrack.segmentation",
    "evaluate": "nbtrack.evaluation",
    "explain": "nbtrack.explanation.alternative",
    "find_errors": "nbtrack.comparison.mistakes",
    "formats": "nbtrack.io.format_list",
    "from_laptrack": "nbtrack.io.in_memory",
    "from_napari": "nbtrack.io.in_memory",
    "from_networkx": "nbtrack.io.in_memory",
    "from_trackpy": "nbtrack.io.in_memory",
    "learn": "nbtrack.learning.fitting",
    "link_candidates": "nbtrack.hypotheses",
    "list_solvers": "nbtrack.solvers.backends",
    "measure": "nbtrack.features",
    "read": "nbtrack.io.registry",
    "read_ilastik": "nbtrack.classifiers.ilastik",
    "read_lineage": "nbtrack.io.registry",
    "read_tracks": "nbtrack.io.registry",
    "resolve_mergers": "nbtrack.mergers.resolving",
    "run": "nbtrack.batch.running",
    "sample": "nbtrack.samples",
    "segment": "nbtrack.segmentation",
    "show": "nbtrack.widgets.viewer",
    "to_laptrack": "nbtrack.io.in_memory",
    "to_napari": "nbtrack.io.in_memory",
    "to_networkx": "nbtrack.io.in_memory",
    "to_trackpy": "nbtrack.io.in_memory",
    "track": "nbtrack.tracking",
    "write": "nbtrack.io.registry",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'nbtrack' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
