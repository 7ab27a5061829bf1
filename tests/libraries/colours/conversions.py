"""Conversions between spaces, found in a table by the classes of source and target."""

import math

from tests.libraries.colours.spaces import LCH, RGB, WHITE, XYZ, Lab

SRGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
EPSILON = 216 / 24389
KAPPA = 24389 / 27


def expand(v):
    """Undo the companding of a channel."""
    if v <= 0.04045:
        return v / 12.92
    return ((v + 0.055) / 1.055) ** 2.4


def rgb_to_xyz(c):
    """From RGB to tristimulus values."""
    linear = [expand(v) for v in c.channels()]
    return XYZ(*(sum(m * v for m, v in zip(row, linear, strict=True)) for row in SRGB_TO_XYZ))


def xyz_to_lab(c, white=WHITE):
    """From tristimulus values to Lab, for a white point."""

    def f(t):
        return t ** (1 / 3) if t > EPSILON else (KAPPA * t + 16) / 116

    fx, fy, fz = (f(v / w) for v, w in zip(c, white, strict=True))
    return Lab(116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz))


def lab_to_lch(c):
    """From Lab to polar coordinates."""
    h = math.degrees(math.atan2(c.b, c.a))
    while h < 0:
        h += 360
    return LCH(c.lightness, math.hypot(c.a, c.b), h)


STEPS = {
    (RGB, Lab): (rgb_to_xyz, xyz_to_lab),
    (XYZ, Lab): (xyz_to_lab,),
    (Lab, LCH): (lab_to_lch,),
}


def convert(target, colour):
    """Convert a colour to another space."""
    if isinstance(colour, target):
        return colour
    for step in STEPS[type(colour), target]:
        colour = step(colour)
    return colour
