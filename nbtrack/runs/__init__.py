"""The runs of the automatic tracker, side by side."""
