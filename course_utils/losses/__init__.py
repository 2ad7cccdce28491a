"""Losses: functions of logits and labels with one number as their value, differentiable in the logits.

What holds for every loss here:

- Shapes: `logits` floating (B, K, H, W); `target` integer labels (B, H, W) in 0 … K - 1, or `ignore_index` where they are
  void → a scalar in float32 (float64 for float64 logits), so that sums of half-precision logits neither overflow nor lose
  small terms. With `multilabel=True` each class is a question of its own, answered by a sigmoid: `target` (B, K, H, W)
  in {0, 1, ignore_index}. One question, foreground or not, is the case K = 1.
- Void pixels are in no sum, no mean and no map of distances; their gradient is exactly zero. Where all is void, or the
  batch is empty, the loss is 0 with zero gradient.
- A class absent from the truth of the batch is left out of the mean over classes (`absent="left_out"`). Its loss would be
  about 1 for the smallest false alarm, however good the rest. `absent="zero"`: its loss is 0, but it counts in the mean;
  `absent="counted"`: its loss is computed as that of any other class. Of the region losses this is 1 for any false alarm
  then, without a gradient, unless `smooth` is above 0.
- NaN logits outside void give NaN, which a training loop has to look for.
- Raises: ValueError for shapes, types, labels and arguments that do not fit; it says what would.
"""
