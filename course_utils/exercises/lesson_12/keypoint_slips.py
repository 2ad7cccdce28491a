"""What goes wrong with the keypoint loss, each mistake as a change of the solution in `keypoints`."""

from course_utils.exercises.slips import read_slips

SLIPS = read_slips("""
softmax_over_the_keypoints
    Your softmax goes over the keypoints, so that they compete for each cell. It is the *cells* of one map that compete.
    - F.cross_entropy(logits[counts].flatten(1),
    + F.nll_loss(logits.log_softmax(1)[counts].flatten(1),

unknown_ones_in_cell_0
    What does not count is to be found in the first cell, with you. Leave it out, and out of the mean as well.
    - cells[counts].unbind(-1)
    + (cells * counts[..., None]).flatten(0, 1).unbind(-1)
    - logits[counts].flatten(1)
    + logits.flatten(2).flatten(0, 1)

x_and_y_swapped
    You number the cells down the columns. A flattened map has its rows one after the other: row · m + column, and the row comes
    from y.
    - y * m + x
    + x * m + y

drawn_into_the_box
    Keypoints outside the box are moved to its edge in your answer. The map cannot show where they are: they do not count.
    - & ((places >= start) & (places <= end)).all(-1)
    +
    - .long().clamp(max=m - 1)
    + .long().clamp(0, m - 1)

unknown_ones_counted
    You count keypoints whose place is unknown. The third number of a keypoint says so, by 0; its x and y mean nothing then.
    - (keypoints[..., 2] > 0) & ((places >= start) & (places <= end)).all(-1)
    + ((places >= start) & (places <= end)).all(-1)

hidden_ones_left_out
    You leave out the keypoints that are hidden. It is known where they are, 1, and the network is to guess it.
    - keypoints[..., 2] > 0
    + keypoints[..., 2] > 1

cut_off_towards_zero
    A keypoint a little to the left of the box, or above it, counts in your answer: cut off to a whole number, -0.7 cells is 0.
    Look whether it is in the box first, or take `floor()`.
    - (places >= start)
    + (places > start - (end - start) / m)

last_edge_left_out
    A keypoint on the right or lower edge of the box counts: it lies in the last cell.
    - (places <= end)
    + (places < end)

first_edge_left_out
    A keypoint on the left or upper edge of the box counts: it lies in the first cell.
    - (places >= start)
    + (places > start)

nearest_corner
    You round to the nearest whole number. A place at 1.7 cells is in cell 1, which reaches from 1 to 2.
    - .long().clamp(max=m - 1)
    + .round().long().clamp(max=m - 1)

image_for_box
    You lay the grid over the image from its corner on. It lies on the box: (x1, y1) is where it begins.
    - (places - start) / (end - start) * m
    + places.abs() / (end - start) * m

sum
    That is the sum. It would grow with the number of keypoints: asked for is the mean.
    - return total / max(len(x), 1)
    + return total

mean_over_all
    You divide by the number of all keypoints. Those that do not count do not count in the mean either.
    - max(len(x), 1)
    + max(counts.numel(), 1)

mean_over_regions
    You divide by the number of regions. The mean is over the keypoints that count, in all regions together.
    - max(len(x), 1)
    + max(len(logits), 1)

mean_of_the_mean
    You divide twice: without `reduction="sum"` the loss is a mean already.
    - , reduction="sum")
    + )

no_keypoints_forgotten
    If no keypoint counts, your loss is not a number: a mean of nothing divides 0 by 0. It is 0 then.
    - reduction="sum")
    + reduction="mean")
    - return total / max(len(x), 1)
    + return total

logarithm_of_a_softmax
    You take the softmax first and its logarithm afterwards. With large logits most of it is exactly 0, and the logarithm of 0 is
    no number to learn from: `cross_entropy` takes the logits and does both at once.
    - F.cross_entropy(logits[counts].flatten(1),
    + F.nll_loss(logits[counts].flatten(1).softmax(1).log(),

next_cell
    Your cells are one too far. They are counted from 0: a place at 0.7 cells is in cell 0.
    - .long().clamp(max=m - 1)
    + .ceil().long().clamp(max=m - 1)

half_a_cell_taken_off
    You take half a cell off before you cut off the fraction. The half is for *reading* between centres; here it only counts in
    which cell the place lies.
    - / (end - start) * m).long()
    + / (end - start) * m - 0.5).clamp(min=0).long()

one_cell_too_few
    You lay m - 1 cells over the box. The map has m of them along each side.
    - / (end - start) * m)
    + / (end - start) * (m - 1))

from_the_images_corner
    You measure places from the corner of the image. The grid begins at the box: take x1 off x, and y1 off y.
    - ((places - start) / (end - start) * m).long().clamp(max=m - 1)
    + (places / (end - start) * m).long().clamp(0, m - 1)

width_and_height_swapped
    You divide x by the height of the box and y by its width. Each goes with its own side.
    - / (end - start) * m)
    + / (end - start).flip(-1) * m)

square_box
    You take the box for a square with its longer side. Divide x by its width and y by its height.
    - / (end - start) * m)
    + / (end - start).amax(-1, keepdim=True) * m)

box_read_as_y_x
    You read the boxes as (y1, x1, y2, x2). x comes first.
    - boxes[:, None, :2], boxes[:, None, 2:]
    + boxes[:, None, :2].flip(-1), boxes[:, None, 2:].flip(-1)

softmax_over_rows
    Your softmax goes over one row of the map. All m · m cells of a map compete: flatten it first.
    - F.cross_entropy(logits[counts].flatten(1),
    + F.nll_loss(logits[counts].log_softmax(-1).flatten(1),

softmax_over_all_maps
    Your softmax goes over the cells of all maps of a region together. Each keypoint has a map of its own, and its cells compete
    with each other only.
    - F.cross_entropy(logits[counts].flatten(1),
    + F.nll_loss(logits.flatten(1).log_softmax(1).reshape(logits.shape)[counts].flatten(1),

row_and_column_apart
    You choose a row and a column, each by itself. It is one choice among m · m cells.
    - F.cross_entropy(logits[counts].flatten(1), y * m + x, reduction="sum")
    + F.cross_entropy(logits[counts].sum(2), x, reduction="sum") + F.cross_entropy(logits[counts].sum(1), y, reduction="sum")

only_x_in_the_box
    You look only whether x is in the box. y has to be in it as well.
    - & ((places >= start) & (places <= end)).all(-1)
    + & ((places >= start) & (places <= end))[..., 0]
    - .long().clamp(max=m - 1)
    + .long().clamp(0, m - 1)

mean_over_the_known
    You divide by the number of known keypoints. Those outside the box do not count in the mean either.
    - max(len(x), 1)
    + max(int((keypoints[..., 2] > 0).sum()), 1)

mean_over_cells
    You divide by m · m as well. The mean is over keypoints: each has one loss, however many cells its map has.
    - max(len(x), 1)
    + (max(len(x), 1) * m * m)

minus_forgotten
    Your loss is below 0: it is *minus* the logarithm of the probability of the right cell.
    - return total
    + return -total

hidden_ones_for_half
    You weigh hidden keypoints less than seen ones. All that count weigh the same.
    - F.cross_entropy(logits[counts].flatten(1), y * m + x, reduction="sum")
    + (F.cross_entropy(logits[counts].flatten(1), y * m + x, reduction="none") * keypoints[..., 2][counts] / 2).sum()

rounded_places
    You round places to whole pixels. They may lie anywhere in a pixel: take their numbers as they are.
    - places, start, end = keypoints[..., :2],
    + places, start, end = keypoints[..., :2].round(),

rounded_boxes
    You round the boxes to whole pixels. Their edges may lie inside a pixel: take their numbers as they are.
    - boxes[:, None, :2], boxes[:, None, 2:]
    + boxes[:, None, :2].round(), boxes[:, None, 2:].round()

softmax_twice
    You take the softmax of what `cross_entropy` takes the softmax of, too. It wants the logits.
    - F.cross_entropy(logits[counts].flatten(1),
    + F.cross_entropy(logits[counts].flatten(1).softmax(1),
""")
