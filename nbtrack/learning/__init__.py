"""Weights of the energies, learned from what a person decided."""
