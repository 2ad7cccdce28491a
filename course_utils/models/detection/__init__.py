"""Detectors and instance segmenters, and what they are made of."""
