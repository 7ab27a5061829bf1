"""Implicit parameters in compiled programs: which hidden parameters belong to a ``Params``.

Numbers and arrays that a program reads from globals, closure cells, attributes and containers are
hidden parameters of it, each with a path. Those paths that lead to a member of the set, or through
one, are differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numbad import calls
from numbad.compilation import Compilation
from numbad.errors import NonScalarOutput
from numbad.ir.types import tangent_type
from numbad.parameters import Grads, Params
from numbad.paths import Path, read
from numbad.results import gradient_of, zero_like
from numbad.seeds import array_seeds, seeds_of
from numbad.structure import Leaf, Static, Tree, children, describe, flatten, parts, unflatten
from numbad.writeback import prepare


@dataclass(frozen=True, slots=True)
class Place:
    """A hidden parameter of the program, and where it is inside a member of the set.

    ``position`` counts the entry's parameters; ``owner`` is the identity of the member; ``inner``
    the steps from it.
    """

    position: int
    owner: int
    inner: Path


@dataclass(frozen=True)
class Lifted:
    """A compilation with respect to a set of parameters."""

    compilation: Compilation
    params: Params
    places: tuple[Place, ...]

    def gather(self, entries: Sequence[Any], zeros: bool) -> dict[int, Any]:
        """Return the gradient for each member, by identity.

        ``entries`` has one gradient, zeros or None for each of ``compilation.differentiated``.
        """
        by_position = dict(zip(self.compilation.differentiated, entries, strict=True))
        found: dict[tuple[int, Path], Any] = {}
        for place in self.places:
            value = by_position.get(place.position)
            key = (place.owner, place.inner)
            present = found.get(key)
            if value is not None and present is not None:
                # The same array, found on two paths.
                value = present + value
            found[key] = present if value is None else value
        return {id(item): self._entry(item, found, zeros) for item in self.params}

    def _entry(self, item: Any, found: dict[tuple[int, Path], Any], zeros: bool) -> Any:
        tree = describe(item)
        paths = iter([inner for inner, _ in _leaf_paths(item, tree, ())])

        def take(value: Any, leaf: Leaf) -> Any:
            return found.get((id(item), next(paths)))

        return gradient_of(tree, iter(flatten(item, tree)), take, zeros)

    def cotangents(self, flat: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Return an entry for each differentiated parameter: its cotangent, zero, or None."""
        given = iter(cotangents)
        compilation = self.compilation
        entries: list[Any] = []
        types = {place.position: describe(flat[place.position]) for place in self.places}
        for position, is_active, is_connected in zip(
            compilation.differentiated, compilation.active, compilation.connected, strict=True
        ):
            leaf = types[position]
            assert isinstance(leaf, Leaf)
            if is_active:
                found = next(given)
                entries.append(found if is_connected else None)
            else:
                entries.append(zero_like(flat[position], leaf) if is_connected else None)
        return entries


def lifted(
    function: Callable[..., Any],
    params: Params,
    kwargs: dict[str, Any],
    mode: str,
    lanes: int = 1,
) -> Lifted:
    """Return the compilation of a function without arguments for a set of parameters."""
    named = tuple((name, describe(value)) for name, value in sorted(kwargs.items()))
    primal = calls.compiled_for(function, (), named, "primal", ())
    places = tuple(_places(primal, function, params, kwargs))
    positions = tuple(sorted({place.position for place in places}))
    return Lifted(
        calls.compiled_for(function, (), named, mode, (), lanes, positions), params, places
    )


def _places(
    primal: Compilation, function: Any, params: Params, kwargs: dict[str, Any]
) -> Iterator[Place]:
    members = {id(item) for item in params}
    position = 0
    for parameter in primal.built.parameters:
        path = parameter.path
        start: tuple[tuple[Any, ...], ...] = path[:1]
        if path[0][0] == "kwarg":
            start = (("object", kwargs[path[0][1]]),)
        objects = [read((*start, *path[1 : 1 + count]), function) for count in range(len(path))]
        keys = tuple(step[-1] for step in path)
        for inner, chain in _leaf_paths(objects[-1], parameter.tree, ()):
            whole = [*objects, *chain]
            leaf = describe(whole[-1])
            if isinstance(leaf, Leaf) and tangent_type(leaf.type) is not None:
                for count, found in enumerate(whole):
                    if id(found) in members:
                        yield Place(position, id(found), (*keys, *inner)[count + 1 :])
            position += 1


def _leaf_paths(value: Any, tree: Tree, outer: Path) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Yield, for each leaf of a value, its keys from the value, and the objects on the way."""
    if isinstance(tree, Leaf):
        yield outer, ()
        return
    if isinstance(tree, Static):
        return
    names = getattr(tree, "names", None) or getattr(tree, "keys", None)
    for number, (part, child) in enumerate(zip(parts(value, tree), children(tree), strict=True)):
        key = number if names is None else names[number]
        for path, chain in _leaf_paths(part, child, ()):
            yield (*outer, key, *path), (part, *chain)


def size_of(item: Any) -> int:
    """Return the number of elements of a parameter."""
    return sum(int(np.size(leaf)) for leaf in flatten(item, describe(item)))


# --- the verbs ------------------------------------------------------------------------------------


def withgradient(
    function: Callable[..., Any], params: Params, kwargs: dict[str, Any], zeros: bool
) -> tuple[Any, Grads]:
    """Return the value of a function without arguments and its gradients for the parameters."""
    found = lifted(function, params, kwargs, "gradient")
    compilation = found.compilation
    flat = calls.entry_leaves(compilation, function, (), kwargs)
    write = prepare(compilation.built, function, (), kwargs)
    results = calls.run(compilation, compilation.entry, [*flat, *array_seeds(compilation)])
    count = len(compilation.built.interface.results)
    val = unflatten(results[:count], compilation.built.result)
    if write is not None:
        write(results)
    entries = found.cotangents(flat, results[count:])
    return val, Grads(params, found.gather(entries, zeros))


def pullback(
    function: Callable[..., Any], params: Params, kwargs: dict[str, Any], zeros: bool
) -> tuple[Any, Callable[[Any], Grads]]:
    """Return the value and the function from a cotangent of it to gradients."""
    found = lifted(function, params, kwargs, "pullback")
    compilation = found.compilation
    flat = calls.entry_leaves(compilation, function, (), kwargs)
    write = prepare(compilation.built, function, (), kwargs)
    y, sweep = calls.start_pullback(compilation, flat)
    result = unflatten(y, compilation.built.result)
    if write is not None:
        write(y)
    shapes = [np.shape(item) for item in y[: compilation.built.result_count]]

    def back(y_bar: Any) -> Grads:
        """Return the gradients for the cotangent of the result."""
        if y_bar is None:
            nothing = [None] * len(compilation.differentiated)
            return Grads(params, found.gather(nothing, zeros))
        cotangents = sweep(seeds_of(compilation, y_bar, shapes))
        return Grads(params, found.gather(found.cotangents(flat, cotangents), zeros))

    return result, back


def jacobian_by(
    pull: tuple[Any, Callable[[Any], Grads]], params: Params, order: Any
) -> tuple[Any, Grads]:
    """Return the value and the matrix for each parameter: a row per element of the value.

    ``pull`` is the value and its pullback, with zeros in place of None.
    """
    y, back = pull
    flat_y = np.asarray(y)
    if flat_y.dtype.kind != "f":
        raise NonScalarOutput(
            "`jacobian` needs a real number or array.",
            origin=None,
            why="A matrix has one row per element of one real result.",
            remedy="Use `pullback` with a cotangent of its structure.",
        )
    matrices = {id(item): np.zeros((flat_y.size, size_of(item))) for item in params}
    for row, place in enumerate(_places_of(flat_y.shape, order)):
        y_bar = np.zeros(flat_y.shape)
        y_bar[place] = 1.0
        for item, g in back(y_bar if isinstance(y, np.ndarray) else 1.0).items():
            parts_ = [np.ravel(leaf, order=order) for leaf in flatten(g, describe(item))]
            matrices[id(item)][row] = np.concatenate(parts_)
    return y, Grads(params, matrices)


def _places_of(shape: tuple[int, ...], order: Any) -> Iterator[tuple[int, ...]]:
    """Yield the indices of the elements of an array in the order."""
    if not shape:
        return iter([()])
    indices = np.indices(shape).reshape(len(shape), -1, order=order)
    return (tuple(map(int, column)) for column in indices.T)
