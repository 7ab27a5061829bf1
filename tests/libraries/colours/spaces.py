"""Colours in different spaces."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class RGB:
    """Red, green, blue between 0 and 1, companded as in sRGB."""

    r: float
    g: float
    b: float

    def channels(self):
        """Return the channels in order."""
        return (self.r, self.g, self.b)


class XYZ(NamedTuple):
    """Tristimulus values."""

    x: float
    y: float
    z: float


class Lab:
    """Lightness and two opponent axes."""

    __slots__ = ("a", "b", "lightness")

    def __init__(self, lightness, a, b):
        self.lightness = lightness
        self.a = a
        self.b = b

    @property
    def chroma(self):
        """Distance from grey."""
        return (self.a**2 + self.b**2) ** 0.5


class LCH(NamedTuple):
    """Lightness, chroma, hue in degrees."""

    lightness: float
    c: float
    h: float


WHITE = XYZ(0.95047, 1.0, 1.08883)
