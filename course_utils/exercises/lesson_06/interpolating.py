"""What to say of the exceptions of `F.interpolate`, in the exercises that call it."""

_SIZE_OF_TWO = "`size` wants the rows and the columns only, the last two of a map's four axes."

ERRORS = {
    "either size or scale_factor should be defined": "`F.interpolate` wants to know how large: name the `size` that the result "
    "is to have.",
    "only one of size or scale_factor": "A size and a factor are one answer too many: the size is enough. What stands third in "
    '`F.interpolate` is the factor: name the mode, `mode="bilinear"`.',
    "align_corners option can only": "Unless you name another `mode`, `F.interpolate` copies the nearest pixel, and has no "
    'corners to align: `mode="bilinear"`.',
    "for the modes: nearest": 'The mode is written in small letters, "bilinear".',
    "linear mode needs": 'Linear is for signals; along both axes of a map it is "bilinear".',
    "output size must match": _SIZE_OF_TWO,
    "same number of spatial dimensions": _SIZE_OF_TWO,
}
