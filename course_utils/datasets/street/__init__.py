"""How a street scene is painted: layout, things, light and noise. The frozen world of `datasets.scenes`."""
