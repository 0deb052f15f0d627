"""Where each export format is written inside a folder of results."""

FILE_NAMES = {
    "labels": "labels.h5",
    "divisions-csv": "divisions.csv",
    "mergers-csv": "mergers.csv",
    "geff": "tracks.geff",
    "trackmate": "tracks.xml",
    "mamut": "tracks_mamut.xml",
    "celltracks": "spots.csv",
    "ome-zarr": "tracks.ome.zarr",
    "ome-tiff": "tracks.ome.tif",
    "ilp": "tracks.ilp",
}
"""Names of formats that are one file; the others are folders named like the format."""
COLORED = ("labels", "png", "ome-zarr", "ome-tiff")
"""Formats that are pictures, whose pixels tell the track or the lineage."""
