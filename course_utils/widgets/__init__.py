"""Explorers: one idea each, a pure figure function with sliders around it, and the same figure for three settings."""
