"""Colours, overlays and static figures: arrays in, RGBA out."""
