"""Solving the model: solver back ends, the direct HiGHS path, decoding values into a lineage."""
