"""Energies that adapt to the movie: shapes and overlaps, lengths in units of the objects, weights from the movie."""
