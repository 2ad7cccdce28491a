"""Backbones: networks that turn images into maps of several strides, behind one contract."""
