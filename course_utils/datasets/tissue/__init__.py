"""How a piece of tissue is painted: cells that touch, membranes. The frozen world of `datasets.cells`."""
