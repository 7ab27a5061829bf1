"""Operations with several results, and values that are containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced.activity import settle
from numbad.traced.bodies import is_array
from numbad.traced.containers import is_leaf, parts, rebuilt
from numbad.traced.forward import ForwardLevel
from numbad.traced.levels import Level, beneath
from numbad.traced.reverse import Reference, ReverseLevel, Sweep
from numbad.traced.values import TracedNumber, hooks, plain


def mapped_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return a value with ``function`` applied to the numbers and arrays in it."""
    if is_leaf(value):
        return function(value)
    found = parts(value)
    if found is None:
        return value
    new = [mapped_leaves(function, part) for part in found.values()]
    if all(a is b for a, b in zip(new, found.values(), strict=True)):
        return value
    return rebuilt(value, new)


def leaves_in(value: Any) -> list[Any]:
    """Return the numbers and arrays in a value, in order."""
    if is_leaf(value):
        return [value]
    return [leaf for part in (parts(value) or {}).values() for leaf in leaves_in(part)]


class Joint:
    """The pullback of an operation with several results."""

    __slots__ = ("always", "inputs", "outs", "pull")

    def __init__(
        self, outs: list[Reference], inputs: list[Reference], pull: Callable[..., Any], always: bool
    ) -> None:
        self.outs = outs
        self.inputs = inputs
        self.pull = pull
        self.always = always

    def __call__(self, sweep: Sweep) -> None:
        """Take the cotangents of the results to the operands."""
        bars = [sweep.take(out) for out in self.outs]
        if all(each is None for each in bars) and not self.always:
            return
        for reference, cotangent in zip(self.inputs, self.pull(bars), strict=True):
            if cotangent is not None:
                sweep.add(reference, cotangent)


def record(
    level: Level,
    value: Any,
    inputs: list[Any],
    push: Callable[[list[Any]], list[Any]],
    pull: Callable[[list[Any]], list[Any]],
    *,
    always: bool = False,
) -> Any:
    """Return ``value``, a number, array or container, as a result of the inputs.

    ``push`` takes a list of the inputs' tangents to one of the tangents of the leaves of the value,
    ``pull`` a list of these leaves' cotangents (None for none) to one of the inputs'.
    """
    if isinstance(level, ForwardLevel):
        with beneath(level), np.errstate(all="ignore"):
            tangents = iter(push([level.tangent(each) for each in inputs]))
            return mapped_leaves(lambda leaf: level.made(_own(leaf), next(tangents)), value)
    assert isinstance(level, ReverseLevel)
    outs: list[Reference] = []

    def made(leaf: Any) -> Any:
        with beneath(level):
            leaf = _own(leaf)
        if is_array(leaf):
            level.adopt(leaf)
        else:
            leaf = level.fresh(leaf)
        outs.append(level.reference(leaf))
        return leaf

    result = mapped_leaves(made, value)
    references = [level.reference(each) for each in inputs]
    level.tape.append(Joint(outs, references, pull, always))
    return result


def _own(leaf: Any) -> Any:
    return hooks.call(np.copy, leaf) if is_array(leaf) else leaf


def passed(target: Level, leaf: Any, make: Callable[[Any], Any]) -> Any:
    """Return a leaf with its part in ``target`` remade by ``make``; the levels above pass it on."""
    leaf = settle(leaf)
    if type(leaf) is TracedNumber and leaf.level is not target:
        inner = passed(target, leaf.primal, make)
        return leaf.level.record(inner, [leaf], lambda tangents: tangents[0], lambda y_bar: [y_bar])
    return make(leaf)


def seeds_of(like: list[Any], bars: list[Any]) -> list[Any]:
    """Return cotangents with zeros for those that are None."""
    return [
        (np.zeros(np.shape(plain(each))) if is_array(each) else 0.0) if bar is None else bar
        for each, bar in zip(like, bars, strict=True)
    ]
