"""The CIEDE2000 colour difference (Sharma, Wu & Dalal 2005)."""

from dataclasses import dataclass
from math import cos, exp, radians, sin, sqrt

from tests.libraries.colours.conversions import convert
from tests.libraries.colours.spaces import LCH, Lab


@dataclass
class Weights:
    """Parametric factors of lightness, chroma and hue."""

    kl: float = 1.0
    kc: float = 1.0
    kh: float = 1.0


def cosd(x):
    """Cosine of an angle in degrees."""
    return cos(radians(x))


def sind(x):
    """Sine of an angle in degrees."""
    return sin(radians(x))


def saturation(c):
    """The factor by which differences of saturated colours are damped."""
    return sqrt(c**7 / (c**7 + 25**7))


def colordiff(one, other, weights=Weights()):  # noqa: B008 - as libraries do
    """Return the difference of two colours of any space."""
    labs = [convert(Lab, c) for c in (one, other)]
    mean_chroma = sum(c.chroma for c in labs) / 2
    g = (1 - saturation(mean_chroma)) / 2
    a, b = (convert(LCH, Lab(c.lightness, c.a * (1 + g), c.b)) for c in labs)

    dl, dc, dh = b.lightness - a.lightness, b.c - a.c, b.h - a.h
    if a.c * b.c == 0:
        dh = 0.0
    elif dh > 180:
        dh -= 360
    elif dh < -180:
        dh += 360
    dh = 2 * sqrt(a.c * b.c) * sind(dh / 2)

    ml, mc = (a.lightness + b.lightness) / 2, (a.c + b.c) / 2
    if a.c * b.c == 0:
        mh = a.h + b.h
    elif abs(b.h - a.h) > 180:
        mh = (a.h + b.h + 360) / 2 if a.h + b.h < 360 else (a.h + b.h - 360) / 2
    else:
        mh = (a.h + b.h) / 2

    off = (ml - 50) ** 2
    sl = 1 + 0.015 * off / sqrt(20 + off)
    sc = 1 + 0.045 * mc
    t = 1 - 0.17 * cosd(mh - 30) + 0.24 * cosd(2 * mh) + 0.32 * cosd(3 * mh + 6)
    t -= 0.20 * cosd(4 * mh - 63)
    sh = 1 + 0.015 * mc * t
    theta = 30 * exp(-(((mh - 275) / 25) ** 2))
    rotation = -sind(2 * theta) * 2 * saturation(mc)

    x, y, z = dl / (weights.kl * sl), dc / (weights.kc * sc), dh / (weights.kh * sh)
    return sqrt(x**2 + y**2 + z**2 + rotation * y * z)
