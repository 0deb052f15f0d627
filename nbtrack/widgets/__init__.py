"""Everything that is seen in the notebook."""
