"""A small library of colours: spaces, conversions, differences."""

from tests.libraries.colours.difference import colordiff
from tests.libraries.colours.spaces import LCH, RGB, XYZ, Lab

__all__ = ["LCH", "RGB", "XYZ", "Lab", "colordiff"]
