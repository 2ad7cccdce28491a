"""Arithmetic of images and masks; knows nothing of the rest of the package."""
