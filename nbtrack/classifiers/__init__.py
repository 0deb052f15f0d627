"""Labels of objects, and the probabilities learned from them: how many cells an object holds, whether it divides."""
