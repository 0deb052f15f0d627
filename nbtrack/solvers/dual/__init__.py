"""The engine for large problems: dual ascent over detections, an exact core, and regions that close the gap."""
