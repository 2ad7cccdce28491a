"""Functions on tensors refuse what is none, by a sentence and not by an error from somewhere inside."""

import numpy as np
import pytest

from course_utils.metrics.boundary import hausdorff_distance
from course_utils.metrics.semantic import power_mean, scores
from course_utils.ops.distance import distance_transform
from course_utils.ops.masks import boundaries, connected_components, ids_to_masks, masks_to_ids
from course_utils.plots.overlays import colour_instances, to_picture

FUNCTIONS = {
    "boundaries": boundaries,
    "colour_instances": colour_instances,
    "connected_components": connected_components,
    "distance_transform": distance_transform,
    "hausdorff_distance": lambda odd: hausdorff_distance(odd, odd),
    "ids_to_masks": ids_to_masks,
    "masks_to_ids": masks_to_ids,
    "power_mean": lambda odd: power_mean(odd, 1),
    "scores": scores,
    "to_picture": to_picture,
}


@pytest.mark.parametrize("odd", [None, "mask", [[1, 0]], np.ones((2, 3))], ids=["none", "text", "list", "numpy"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_tensor_is_refused(name: str, odd: object) -> None:
    with pytest.raises(ValueError, match="must be a tensor, but is"):
        FUNCTIONS[name](odd)
