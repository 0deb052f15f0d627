"""A small movie as files, for tests of the panels."""

import json

import h5py
import numpy as np

import nbtrack as nbt


def write_files(folder):
    """Write the sample `shapes`: the raw images, a prediction map with axes, its labels, and a file of two datasets."""
    sample = nbt.sample("shapes")
    np.save(folder / "raw.npy", np.stack(list(sample.raw)))
    np.save(folder / "labels.npy", np.stack(list(sample.labels)))
    with h5py.File(folder / "prediction.h5", "w") as file:
        file["exported_data"] = np.stack(list(sample.prediction))
        file["exported_data"].attrs["axistags"] = json.dumps({"axes": [{"key": letter} for letter in "tyxc"]})
    with h5py.File(folder / "several.h5", "w") as file:
        file["first"] = np.stack(list(sample.raw))
        file["second"] = np.stack(list(sample.labels))
    with h5py.File(folder / "slices.h5", "w") as file:
        file["data"] = np.stack(list(sample.raw))
        file["data"].attrs["axistags"] = json.dumps({"axes": [{"key": letter} for letter in "zyx"]})
    return sample
