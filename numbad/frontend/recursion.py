"""Recursion: a function that calls itself becomes a function of the IR.

While a function is inlined, a call of the same function with arguments of the same types and
structure is recursion. The walk of the outermost call is then thrown away, and the function's body
is walked as an ``ir.Function`` instead: first with recursive calls left out (``Skip``), which gives
the result type from the branches that end the recursion, then again with ``ir.Invoke``. Values that
the body reads from outside (closures, lifted globals) become additional parameters.

Recursion over structure that shrinks (tuples, static values) has different arguments on each level
and is simply inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numbad.frontend import conversion, templates
from numbad.frontend.signals import DeadEnd, RecursionFound, Skip
from numbad.frontend.state import Code
from numbad.frontend.values import Conflict, Ref, Value
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder
from numbad.ir.visit import Cloner, free_vars

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder

_LIMIT = 6


@dataclass(slots=True)
class Recursive:
    """A recursive function: how it is called, and what is known of its result so far."""

    key: Any
    name: str
    parameters: dict[str, Any]
    result: Any = None
    extras: tuple[ir.Var, ...] = ()
    is_done: bool = False


def key_of(builder: Builder, code: Code, parent: int | None, bound: dict[str, Value]) -> Any:
    """Return what two activations have in common if one is the recursion of the other."""
    shapes = tuple((name, _shape(builder, value)) for name, value in bound.items())
    return (id(code.node), _cells(code), parent, shapes, _captured(builder, code, parent))


def _cells(code: Code) -> Any:
    return tuple(id(cell) for cell in code.cells.values())


def _captured(builder: Builder, code: Code, parent: int | None) -> Any:
    """What the function reads from the frames around its definition, as it is now."""
    found: list[Any] = []
    names = code.scope.loads.keys() - code.scope.locals
    while parent is not None:
        bound = builder.state.frames.get(parent, {})
        for name in sorted(names & bound.keys()):
            value = bound[name]
            contents = builder.state.heap.get(value.id) if isinstance(value, Ref) else None
            found.append((name, repr(value), repr(contents)))
        names = names - bound.keys()
        parent = builder.frames[parent].parent
    return tuple(found)


def _shape(builder: Builder, value: Value) -> Any:
    template = templates.template_of(value, builder.state)
    try:
        hash(template)
    except TypeError:
        return repr(template)
    return template


def find(builder: Builder, key: Any) -> Recursive | None:
    """Return the recursive function that an activation is a call of."""
    found: Recursive | None = builder.recursive.get(key)
    if found is None:
        return None
    if found.result is None:
        builder.is_incomplete = True
        raise Skip
    return found


def found(builder: Builder, key: Any) -> None:
    """Announce that the activation ``key`` calls itself."""
    raise RecursionFound(key)


def guarded(
    builder: Builder,
    key: Any,
    code: Code,
    parent: int | None,
    bound: dict[str, Value],
    inline: Callable[[], Value],
    node: ast.AST | None,
) -> Value:
    """Inline a call; if it turns out to be recursive, make a function of it and invoke that."""
    take_back = builder.checkpoint()
    context = (builder.block, len(builder.call_stack), len(builder.active_loops))
    try:
        return inline()
    except RecursionFound as signal:
        if signal.key != key:
            raise
    builder.block = context[0]
    del builder.call_stack[context[1] :]
    del builder.active_loops[context[2] :]
    take_back()
    recursive = _make(builder, key, code, parent, bound, node)
    return invoke(builder, recursive, bound, node)


def _make(
    builder: Builder,
    key: Any,
    code: Code,
    parent: int | None,
    bound: dict[str, Value],
    node: ast.AST | None,
) -> Recursive:
    known = set(builder.state.heap)
    parameters = {
        name: templates.template_of(value, builder.state, set()) for name, value in bound.items()
    }
    name = code.name if code.name.isidentifier() else "function"
    unique = f"{name}_recursive"
    while unique in builder.callees:
        unique += "_"
    recursive = Recursive(key, unique, parameters)
    builder.recursive[key] = recursive
    was_incomplete = builder.is_incomplete
    for _ in range(_LIMIT):
        builder.is_incomplete = False
        function, result, extras = _walk(builder, recursive, code, parent, known, node)
        same = recursive.result == result and recursive.extras == extras
        recursive.result, recursive.extras = result, extras
        if same:
            builder.callees[unique] = function
            recursive.is_done = True
            builder.is_incomplete = was_incomplete
            return recursive
    builder.type_error(node, f"The result type of the recursive function `{name}` is not found.")


def _walk(
    builder: Builder,
    recursive: Recursive,
    code: Code,
    parent: int | None,
    known: set[int],
    node: ast.AST | None,
) -> tuple[ir.Function, Any, tuple[ir.Var, ...]]:
    """Walk the body once under the present assumption about the result."""
    from numbad.frontend.functions import inline

    entry = builder.state
    outer_block, outer_loops = builder.block, builder.active_loops
    outer_attempt, builder.attempt = builder.attempt, None
    builder.state = entry.copy()
    builder.block = BlockBuilder(builder.fresh)
    builder.block.origin = outer_block.origin
    builder.active_loops = []
    params: list[ir.Var] = []
    bound: dict[str, Value] = {}
    try:
        for name, template in recursive.parameters.items():
            leaves = [builder.fresh.var(t, name) for t in templates.leaf_types(template)]
            params.extend(leaves)
            bound[name] = conversion.instantiate(builder, template, iter(leaves))
        before = dict(builder.state.heap)
        try:
            value = inline(builder, code, parent, bound, ("body", recursive.key), node)
        except Skip:
            builder.error(
                node, f"The recursion of `{recursive.name}` never ends: every path recurses."
            )
        except DeadEnd:
            builder.error(node, f"The recursive function `{recursive.name}` always raises.")
        for id_ in known:
            if builder.state.heap.get(id_) is not before.get(id_):
                builder.error(
                    node,
                    f"The recursive function `{recursive.name}` changes an object.",
                    "Only arrays can be changed by recursive functions.",
                )
        result = templates.template_of(value, builder.state, set())
        if recursive.result is not None:
            result = templates.join(recursive.result, result, builder.state, builder.state, set())
        if isinstance(result, Conflict):
            builder.type_error(
                node, "A recursive function returns different things.", result.reason
            )
        operands = conversion.operands(builder, value, result, builder.state)
        body = builder.block.block()
    finally:
        builder.block, builder.active_loops = outer_block, outer_loops
        builder.attempt = outer_attempt
        builder.state = entry
    function, extras = _close(builder, recursive.name, params, body, operands, node)
    return function, result, extras


def _close(
    builder: Builder,
    name: str,
    params: list[ir.Var],
    body: ir.Block,
    operands: list[ir.Operand],
    node: ast.AST | None,
) -> tuple[ir.Function, tuple[ir.Var, ...]]:
    """Make values from outside additional parameters."""
    body = builder.resolve(body)
    results = tuple(builder.resolve_operand(operand) for operand in operands)
    free = set(free_vars(body)) | {operand for operand in results if isinstance(operand, ir.Var)}
    from numbad.ir.visit import defined_vars

    outside = free - set(params) - defined_vars(body)
    extras = tuple(sorted(outside, key=lambda var: var.id))
    copies = {var: builder.fresh.var(var.type, var.name) for var in extras}
    cloner = Cloner(builder.fresh, dict(copies))
    new_params = [cloner.define(param) for param in params]
    new_body = cloner.block(body)
    function = ir.Function(
        name,
        (*new_params, *copies.values()),
        new_body,
        tuple(cloner.operand(result) for result in results),
        builder.origin(node),
    )
    return function, extras


def invoke(
    builder: Builder, recursive: Recursive, bound: dict[str, Value], node: ast.AST | None
) -> Value:
    """Emit the call of a recursive function."""
    from numbad.ir.types import Tuple

    arguments: list[ir.Operand] = []
    for name, template in recursive.parameters.items():
        arguments.extend(conversion.operands(builder, bound[name], template, builder.state))
    arguments.extend(recursive.extras)
    types = templates.leaf_types(recursive.result)
    call = ir.Invoke(recursive.name, tuple(arguments))
    builder.write()
    if len(types) == 1:
        leaves: list[ir.Operand] = [builder.let(types[0], call)]
    else:
        packed = builder.let(Tuple(tuple(types)), call)
        leaves = [
            builder.let(type_, ir.TupleItem(packed, position))
            for position, type_ in enumerate(types)
        ]
    return conversion.instantiate(builder, recursive.result, iter(leaves))
