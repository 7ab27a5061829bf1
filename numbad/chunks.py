"""How many directions one sweep carries, and which mode a Jacobian takes."""

from __future__ import annotations

from functools import cache

from numbad.numba_bridge import register_lanes

_MOST_LANES = 64
# Time of a sweep with N lanes in units of the primal's, measured on the bench workloads:
# forward 1 + N/8, reverse 2.5 + N/4, without a tape 2 + N/4.
_FORWARD, _FORWARD_LANE = 1.0, 0.125
_REVERSE, _REVERSE_LANE = 2.5, 0.25
_REVERSE_UNTAPED = 2.0


@cache
def lanes_for(directions: int, threshold: int) -> int:
    """Return the number of lanes for a number of directions.

    The directions are divided evenly into as few chunks of at most ``threshold`` as it takes, the
    rule of Revels, Lubin & Papamarkou, *Forward-Mode Automatic Differentiation in Julia* (2016).
    Chunk and threshold are rounded up to powers of two, which fill whole vector registers.
    """
    if not isinstance(threshold, int) or threshold < 1:
        raise ValueError(f"chunk_threshold must be a positive integer, not {threshold!r}.")
    if directions <= 1 or threshold == 1:
        return 1
    threshold = min(_power_of_two(threshold), _MOST_LANES)
    chunks = -(-directions // threshold)
    size = -(-directions // chunks)
    # Fewer lanes than half a register cost as much as these.
    return max(_power_of_two(size), register_lanes() // 2)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def forward_cost(columns: int, lanes: int) -> float:
    """Return the cost of a Jacobian by forward mode, in units of the primal's time."""
    return -(-columns // lanes) * (_FORWARD + _FORWARD_LANE * lanes)


def reverse_cost(rows: int, lanes: int) -> float:
    """Return the cost of a Jacobian by reverse mode, in units of the primal's time."""
    return -(-rows // lanes) * (_REVERSE + _REVERSE_LANE * lanes)


def by_rows(rows: int, columns: int) -> bool:
    """Whether numbers are differentiated by numbers in one sweep over rows, not over columns.

    Such programs are short: they keep what the backward sweep needs in registers, not on a tape.
    """
    return _REVERSE_UNTAPED + _REVERSE_LANE * rows <= _FORWARD + _FORWARD_LANE * columns
