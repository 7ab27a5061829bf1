"""From a call by the user to compiled code and back: caching, live values, checks.

``compiled`` finds or makes the ``Compilation`` for a call. It is keyed by the code of the function,
the trees of its arguments and what is differentiated; what the program found in globals and closure
cells is checked to be the same at each call, so that nothing stale is ever run.
"""

from __future__ import annotations

import functools
import inspect
import types as python_types
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from numba.core.errors import NumbaError

from numbad.compilation import Compilation, Request
from numbad.config import config
from numbad.errors import AliasingError, DifferentiationError
from numbad.kernels import random_state
from numbad.markers import Const
from numbad.numba_bridge import compiler_lock
from numbad.paths import read
from numbad.store import entries
from numbad.structure import Leaf, Tree, describe, flatten

_table: dict[Hashable, list[Compilation]] = {}
_kept_alive: dict[int, Any] = {}


class Holder(Protocol):
    """An object that keeps compilations of its own."""

    def forget(self) -> None:
        """Drop them."""


holders: weakref.WeakSet[Holder] = weakref.WeakSet()


def check_engine(engine: str | None) -> str:
    """Return the engine of a call, which is ``config.engine`` where it names none."""
    chosen = config.engine if engine is None else engine
    if chosen not in ("auto", "compiled", "traced"):
        raise ValueError(f"engine must be 'auto', 'compiled' or 'traced', not {chosen!r}.")
    return chosen


def function_key(function: Any) -> Hashable:
    """Return what identifies the code of a callable."""
    match function:
        case python_types.FunctionType():
            return function.__code__
        case python_types.MethodType():
            return ("method", function_key(function.__func__))
        case functools.partial():
            names = tuple(function.keywords)
            return ("partial", function_key(function.func), len(function.args), names)
        case _:
            _kept_alive[id(function)] = function
            return id(function)


def positions(function: Any, wrt: Any, count: int) -> tuple[int, ...]:
    """Return the positions that ``wrt`` names: None for all, an index, a name, or several."""
    if wrt is None:
        return tuple(range(count))
    chosen = wrt if isinstance(wrt, tuple | list) else (wrt,)
    names: list[str] | None = None
    found = []
    for item in chosen:
        if isinstance(item, str):
            names = _parameter_names(function) if names is None else names
            if item not in names:
                raise ValueError(f"wrt names {item!r}, but the parameters are {', '.join(names)}.")
            index = names.index(item)
        else:
            index = item
        if not isinstance(index, int | np.integer) or isinstance(index, bool):
            raise TypeError(f"wrt must be an index or a parameter's name, not {item!r}.")
        if not -count <= index < count:
            raise ValueError(f"wrt is {index}, but there are {count} positional arguments.")
        found.append(int(index) % count)
    return tuple(sorted(set(found)))


def _parameter_names(function: Any) -> list[str]:
    return list(inspect.signature(getattr(function, "py_func", function)).parameters)


def unwrap(args: Sequence[Any], wrt: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Take ``Const`` off the arguments; they are not differentiated."""
    if not any(isinstance(arg, Const) for arg in args):
        return tuple(args), wrt
    constant = {position for position, arg in enumerate(args) if isinstance(arg, Const)}
    values = tuple(arg.value if isinstance(arg, Const) else arg for arg in args)
    return values, tuple(position for position in wrt if position not in constant)


def compiled(
    function: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    mode: str,
    wrt: tuple[int, ...],
    lanes: int = 1,
) -> Compilation:
    """Return the compilation for a call, from the table if it is still valid."""
    trees = tuple(describe(arg) for arg in args)
    named = tuple((name, describe(value)) for name, value in sorted(kwargs.items()))
    return compiled_for(function, trees, named, mode, wrt, lanes)


def compiled_for(
    function: Any,
    trees: tuple[Tree, ...],
    named: tuple[tuple[str, Tree], ...],
    mode: str,
    wrt: tuple[int, ...],
    lanes: int = 1,
    live: tuple[int, ...] = (),
) -> Compilation:
    """Return the compilation for arguments of the given structure."""
    key = (function_key(function), trees, named, mode, wrt, lanes, live, config.vector_math)
    found = _known(key, function)
    if found is not None:
        return found
    with compiler_lock:
        # Another thread may have been faster.
        found = _known(key, function)
        if found is None:
            found = _make(Request(function, trees, named, mode, wrt, lanes, live))
            _table[key] = [found, *_table.get(key, ())]
        return found


def _known(key: Hashable, function: Any) -> Compilation | None:
    for candidate in _table.get(key, ()):
        if all(each.holds(function) for each in candidate.built.dependencies) and _same_types(
            candidate, function
        ):
            return candidate
    return None


def _make(request: Request) -> Compilation:
    """Take a compilation from disk, or compile."""
    found = entries.load(request)
    if found is not None and _same_types(found, request.function):
        return found
    from numbad.pipeline import compile_function

    found = compile_function(request)
    entries.save(found)
    return found


def _same_types(candidate: Compilation, function: Any) -> bool:
    """Whether the live numbers and arrays still have the types they were compiled for."""
    return all(
        describe(read(parameter.path, function)) == parameter.tree
        for parameter in candidate.built.parameters
        if parameter.path[0][0] not in ("arg", "kwarg")
    )


def entry_leaves(
    compilation: Compilation, function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> list[Any]:
    """Return the flat arguments of the entry, live values included."""
    found: list[Any] = []
    for parameter in compilation.built.parameters:
        match parameter.path[0]:
            case ("arg", position):
                value = args[position]
            case ("kwarg", name):
                value = kwargs[name]
            case _:
                value = read(parameter.path, function)
        if isinstance(parameter.tree, Leaf):
            found.append(value)
        else:
            found.extend(flatten(value, parameter.tree))
    if compilation.written:
        _check_overlap(compilation, found)
    return found


def _check_overlap(compilation: Compilation, found: list[Any]) -> None:
    """Refuse calls in which an array that is written shares memory with another argument."""
    for position in compilation.written:
        for other, value in enumerate(found):
            if (
                other != position
                and isinstance(value, np.ndarray)
                and isinstance(found[position], np.ndarray)
                and np.may_share_memory(found[position], value)
                and np.shares_memory(found[position], value)
            ):
                names = [compilation.built.interface.parameters[p] for p in (position, other)]
                raise AliasingError(
                    f"`{names[0]}` is written to and shares memory with `{names[1]}`.",
                    origin=compilation.built.interface.origin,
                    why="The derivative would mix the two arguments up.",
                    remedy="Pass a copy of one of them.",
                )


def run(
    compilation: Compilation, entry: Callable[..., Any], leaves: Sequence[Any]
) -> tuple[Any, ...]:
    """Call generated code; compile errors are told in terms of the user's source."""
    try:
        if compilation.built.options.get("draws"):
            with random_state.lent():
                found = entry(*leaves)
        else:
            found = entry(*leaves)
    except DifferentiationError:
        raise
    except NumbaError as error:
        from numbad.emit.diagnose import explain

        raise explain(error, compilation.emitted) from error
    except Exception as error:
        from numbad.emit.diagnose import raise_at_origin

        raise_at_origin(error, compilation.emitted)
    return found if isinstance(found, tuple) else (found,)


def copied(leaves: Sequence[Any]) -> list[Any]:
    """Return the leaves with the arrays copied."""
    return [leaf.copy("K") if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]


Sweep = Callable[[Sequence[Any]], tuple[Any, ...]]


def start_pullback(
    compilation: Compilation, leaves: Sequence[Any]
) -> tuple[tuple[Any, ...], Sweep]:
    """Run the primal; return its flat results and the function from seeds to cotangents."""
    count = len(compilation.built.interface.results)
    if compilation.backward is not None:
        found = run(compilation, compilation.entry, leaves)
        kept = found[count:]
        backward = compilation.backward
        return found[:count], lambda seeds: run(backward, backward.entry, [*kept, *seeds])
    assert compilation.replay is not None
    replay = compilation.replay
    snapshot = copied(leaves)

    def sweep(seeds: Sequence[Any]) -> tuple[Any, ...]:
        return run(replay, replay.entry, [*copied(snapshot), *seeds])[count:]

    return run(compilation, compilation.entry, leaves), sweep


def clear() -> None:
    """Forget all compilations of this process."""
    _table.clear()
    _kept_alive.clear()
    for holder in holders:
        holder.forget()


def name_of(function: Any) -> str:
    """Return a short name of a callable for messages."""
    return str(getattr(function, "__name__", None) or repr(function))
