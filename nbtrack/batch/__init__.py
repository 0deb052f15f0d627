"""Many movies with the same parameters."""
