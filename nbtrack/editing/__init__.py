"""Manual tracking: commands that can be undone, and the session that a person edits."""
