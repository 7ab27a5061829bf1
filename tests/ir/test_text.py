"""Listings of the IR."""

from __future__ import annotations

from numbad.ir.text import program_text
from tests.emit import hand


def test_while_loop() -> None:
    assert (
        program_text(hand.newton())
        == """\
function newton(%0.a: float64):
  while carries %1.x: float64 = %0.a, %3.k: int64 = 0:int64 gives %2.x, %4
    %5: float64 = operator.mul(%1.x, %1.x)
    %6: float64 = operator.sub(%5, %0.a)
    %7: float64 = abs(%6)
    %8: bool = operator.gt(%7, 1e-09:float64)
  condition %8
    %9: float64 = numbad.kernels.arithmetic.divide(%0.a, %1.x)
    %10: float64 = operator.add(%1.x, %9)
    %11.x: float64 = operator.mul(0.5:float64, %10)
    %12.k: int64 = operator.add(%3.k, 1:int64)
    %13: bool = operator.gt(%12.k, 50:int64)
    if %13
      raise ValueError('no root':opaque[unicode_type])
    next %11.x, %12.k
  return %2.x
"""
    )


def test_branches_and_stack() -> None:
    text = program_text(hand.branches())
    assert "  if %4 gives %1.y: float64\n" in text
    assert "    give %5.y\n  else\n" in text
    text = program_text(hand.triangular_stack())
    assert "    %4.segment: array[float64, 1, C] = reserve(%1.stack, %2.i, zeroed)\n" in text
    assert "      %4.segment[%3.k] += %5\n" in text
    assert "    %10.segment: array[float64, 1, C] = release(%1.stack, %7.i)\n" in text
