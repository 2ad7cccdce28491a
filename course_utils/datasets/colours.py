"""Colours as three integers from 0 to 255, mixed in integers."""

Colour = tuple[int, int, int]


def from_hsv(hue: int, saturation: int, value: int) -> Colour:
    """RGB of a hue (degrees), a saturation (percent) and a value (0 to 255), in integers."""
    low = value * (100 - saturation) // 100
    # A channel's ramp is 180 where the channel is brightest and 0 opposite to it; full above 120, nothing below 60.
    ramps = (abs((hue + shift) % 360 - 180) for shift in (0, 240, 120))
    red, green, blue = (low + (value - low) * min(60, max(0, ramp - 60)) // 60 for ramp in ramps)
    return red, green, blue


def scaled(colour: Colour, percent: int) -> Colour:
    """A colour made darker (below 100 percent) or lighter."""
    red, green, blue = colour
    return red * percent // 100, green * percent // 100, blue * percent // 100


def mixed(first: Colour, second: Colour, percent: int) -> Colour:
    """`percent` of the second colour in the first."""
    red, green, blue = (a + (b - a) * percent // 100 for a, b in zip(first, second, strict=True))
    return red, green, blue
