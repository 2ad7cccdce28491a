"""The Rand scores: which pairs of pixels a segmentation puts together, and which it keeps apart."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.checks import require_tensor
from course_utils.ops.labels import require_label_type


class RandScores(NamedTuple):
    """Of all pairs of pixels that are together in the prediction, the share that is together in the truth; the other way
    round; and the harmonic mean of the two."""

    precision: float
    recall: float
    f_score: float

    @property
    def error(self) -> float:
        """The adapted Rand error, 1 - F."""
        return 1 - self.f_score


def adapted_rand(pred: Tensor, target: Tensor) -> RandScores:
    """Rand precision, recall and F-score of segments against true ones, over the pixels that are in a true one.

    A membrane with one hole merges two cells: few pixels are wrong, and many pairs. With n(i, j) pixels in the true segment i
    and the predicted segment j, n(i) and n(j) in all: precision = Σ n(i, j)·(n(i, j) - 1) / Σ n(j)·(n(j) - 1), recall the same
    over Σ n(i)·(n(i) - 1). 1 where nothing can be wrong: no two pixels are together.

    Source: Arganda-Carreras et al. 2015, "Methods: evaluation metrics", doi:10.3389/fnana.2015.00142; equal to scikit-image's
    `adapted_rand_error`, which gives precision and recall in the other order.

    Shapes: `pred` and `target` of one shape, segment ids of whole numbers; 0 in the truth is left out, 0 in the prediction is a
    segment like the others.

    Raises: ValueError for other types, shapes that differ, and negative ids.
    """
    for name, ids in (("pred", pred), ("target", target)):
        require_tensor(ids, name)
        require_label_type(ids, name)
        if ids.numel() and int(ids.min()) < 0:
            raise ValueError(f"{name} must hold ids from 0 on, but has {int(ids.min())}; 0 stands for no segment.")
    if pred.shape != target.shape:
        raise ValueError(
            f"pred and target must have one shape, but have {tuple(pred.shape)} and {tuple(target.shape)}."
        )
    inside = target != 0
    p, t = pred[inside].long(), target[inside].long()
    together, in_pred, in_target = (_pairs(ids) for ids in (torch.stack([p, t]), p[None], t[None]))
    precision, recall = (together / pairs if pairs else 1.0 for pairs in (in_pred, in_target))
    f_score = 2 * together / (in_pred + in_target) if in_pred + in_target else 1.0
    return RandScores(precision, recall, f_score)


def thin_borders(ids: Tensor) -> Tensor:
    """Give every pixel that is in no segment to the nearest one, so that borders have no width.

    The ISBI 2012 challenge scores segments so since 2015: how thick a membrane is drawn then costs nothing; cells that are merged
    or split cost as much as before. SciPy does the work, on the CPU; the result is on the ids' device.

    Source: Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142, "after border thinning".

    Differs from the source: its script thins borders to lines of one pixel; here nothing is left of them.

    Shapes: `ids` (H, W) of whole numbers, 0 for no segment → int64 (H, W); all 0 where there is no segment.

    Raises: ValueError for other types and shapes.
    """
    require_tensor(ids, "ids")
    require_label_type(ids, "ids")
    if ids.ndim != 2:
        raise ValueError(f"thin_borders needs the ids of one image (H, W), but got the shape {tuple(ids.shape)}.")
    from scipy.ndimage import distance_transform_edt

    if not ids.any():
        return ids.long()
    outside = (ids == 0).cpu().numpy()
    rows, columns = distance_transform_edt(outside, return_distances=False, return_indices=True)
    return ids.long()[torch.from_numpy(rows).long(), torch.from_numpy(columns).long()]


def _pairs(ids: Tensor) -> int:
    """Twice the number of pairs of pixels with the same ids: (M, N) → an integer of Python, which does not overflow."""
    counts = torch.unique(ids, dim=1, return_counts=True)[1]
    return sum(count * (count - 1) for count in counts.tolist())
