"""Which rows of the image the rows of a map see, layer by layer, also on the way up."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple


class SeenRows(NamedTuple):
    """Row i of a map sees the image from row `first[i]` to `last[i]`; row i + period as row i, but `shift` rows further down.

    The period is the length of `first` and `last`, 1 on the way down, where every row sees equally many. On the way up it
    is not: of the rows that a transposed convolution makes out of one, a kernel of 3 sees now one neighbour, now the other.
    So the recursion r + d (k - 1) j of `sliding.fields`, which knows one number for a map, is too small there: the output
    of a padded U-Net sees 188 or 204 rows, where it gives 200.

    Rows are counted as if the image went on beyond its borders. The default is the image itself.
    """

    first: tuple[int, ...] = (0,)
    last: tuple[int, ...] = (0,)
    shift: int = 1

    @property
    def stride(self) -> Fraction:
        """Rows of the image for each row of the map."""
        return Fraction(self.shift, len(self.first))

    @property
    def size(self) -> int:
        """The receptive field: as many rows as that row sees which sees most."""
        return max(last - first for first, last in zip(self.first, self.last, strict=True)) + 1

    def together(self, rows: int) -> int:
        """How many rows of the image the first `rows` of the map see together."""
        return self._of(rows - 1)[1] - self._of(0)[0] + 1

    def convolved(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "SeenRows":
        """After a convolution or pooling: row i reads rows i · stride - padding, then every `dilation`-th, `kernel` of them."""

        def reads(row: int) -> tuple[int, int]:
            start = row * stride - padding
            return start, start + dilation * (kernel - 1)

        return self._after(reads, Fraction(1, stride))

    def transposed(self, kernel: int, stride: int = 1, padding: int = 0) -> "SeenRows":
        """After a transposed convolution: row i gets from row n by tap t where i = n · stride - padding + t.

        Of a kernel smaller than the stride, some rows get nothing; their first row is the one after the last.
        """

        def reads(row: int) -> tuple[int, int]:
            return -((kernel - 1 - row - padding) // stride), (row + padding) // stride

        return self._after(reads, Fraction(stride))

    def interpolated(self, factor: Fraction, reach: int) -> "SeenRows":
        """After interpolation by a factor: between two rows (`reach` 1, bilinear), four (2, bicubic), or copied (0)."""

        def reads(row: int) -> tuple[int, int]:
            if reach == 0:
                copied = math.floor(row / factor)
                return copied, copied
            at = (row + Fraction(1, 2)) / factor - Fraction(1, 2)
            if at.denominator == 1:
                return int(at), int(at)
            return math.floor(at) - reach + 1, math.floor(at) + reach

        return self._after(reads, factor)

    def joined(self, other: "SeenRows") -> "SeenRows | None":
        """After two maps have been added or put beside each other: all that either sees; None if their strides differ."""
        if self.stride != other.stride:
            return None
        period = math.lcm(len(self.first), len(other.first))
        pairs = [(self._of(row), other._of(row)) for row in range(period)]
        first = tuple(min(mine[0], theirs[0]) for mine, theirs in pairs)
        last = tuple(max(mine[1], theirs[1]) for mine, theirs in pairs)
        return SeenRows(first, last, int(self.stride * period))

    def _of(self, row: int) -> tuple[int, int]:
        """From where to where a row sees, be it outside the map."""
        times, phase = divmod(row, len(self.first))
        return self.first[phase] + times * self.shift, self.last[phase] + times * self.shift

    def _after(self, reads: Callable[[int], tuple[int, int]], factor: Fraction) -> "SeenRows":
        """After a layer that makes `factor` rows out of one, and whose row i reads from row `reads(i)[0]` to `reads(i)[1]`."""
        period = (len(self.first) * factor).numerator  # after so many rows, whole periods have been read
        ends = [reads(row) for row in range(period)]
        first = tuple(self._of(start)[0] for start, _ in ends)
        last = tuple(self._of(end)[1] for _, end in ends)
        return SeenRows(first, last, int(self.stride / factor * period))
