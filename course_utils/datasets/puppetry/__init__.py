"""How a stage with puppets is painted: bodies with joints, a backdrop, light and noise. The world of `datasets.puppets`."""
