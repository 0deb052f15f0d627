"""An object that goes over from one merger to another leaves no chain behind that is no longer there."""

import nbtrack as nbt


def test_exchange_in_a_crowded_movie() -> None:
    """A later merger followed the link that an exchange had taken away."""
    made = nbt.sample("nuclei", size=(300, 380), n_frames=20, n_cells=45, noise=2.0, seed=1)
    result = nbt.track(nbt.segment(made.prediction, channel=1))
    result.lineage.check()
    assert len(result.mergers)
