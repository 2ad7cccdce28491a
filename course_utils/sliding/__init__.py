"""Classifiers of windows as dense networks, and what an output sees of the image: networks taken apart (lesson 02)."""
