"""Where to look next: how sure the answer is of each object, what else could be, and in which order to review it."""
