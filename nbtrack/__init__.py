"""Track dividing, merging and vanishing objects in image sequences, in a notebook, with a certified optimum.

The names below are loaded on first use, so that ``import nbtrack`` stays light and headless work never loads a widget.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Detections": "nbtrack.data.detections",
    "EditError": "nbtrack.errors",
    "HypothesisGraph": "nbtrack.data.graph",
    "InputError": "nbtrack.errors",
    "Lineage": "nbtrack.data.lineage",
    "ManualTracker": "nbtrack.widgets.manual_tracker",
    "Movie": "nbtrack.data.movie",
    "Pin": "nbtrack.data.pins",
    "Project": "nbtrack.project",
    "SegmentationParams": "nbtrack.params",
    "Session": "nbtrack.editing.session",
    "SolveError": "nbtrack.errors",
    "SolverUnavailable": "nbtrack.errors",
    "TrackingParams": "nbtrack.params",
    "TrackingResult": "nbtrack.data.result",
    "compute_energies": "nbtrack.model.energies",
    "detect": "nbtrack.segmentation",
    "evaluate": "nbtrack.evaluation",
    "link_candidates": "nbtrack.hypotheses",
    "list_solvers": "nbtrack.solvers.backends",
    "measure": "nbtrack.features",
    "read": "nbtrack.io.registry",
    "sample": "nbtrack.samples",
    "segment": "nbtrack.segmentation",
    "show": "nbtrack.widgets.viewer",
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
