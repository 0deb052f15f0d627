"""What every part of nbtrack speaks: movies, detections, graphs, lineages, results."""
