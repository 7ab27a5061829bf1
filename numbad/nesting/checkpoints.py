"""``checkpointed(f, *xs)`` inside differentiated code: a call whose backward part runs it again.

The function is made one that writes to copies of the arrays it changes and returns them, with a
``CustomDerivative`` that keeps the arguments: its backward part is the function's own forward and
backward sweep. What is written to arrays is copied back behind the call.
"""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np

from numbad.custom.barrier import writes
from numbad.frontend.builder import Builder
from numbad.frontend.values import Value
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import Array, Tuple, is_memory, tangent_type
from numbad.nesting.forwarddiff import whole_tangent, with_new_memory
from numbad.nesting.functions import Walked, adopted, rebuilt, unused_name, walk
from numbad.transform import arith
from numbad.transform.arrays import copy_into
from numbad.transform.derivatives import Derivatives
from numbad.transform.reverse import joint, reverse
from numbad.transform.simplify import simplify_function


class Checkpoints:
    """Handler of ``checkpointed``."""

    def __init__(self, derivatives: Derivatives) -> None:
        self.derivatives = derivatives

    def call(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``checkpointed(f, *xs)``."""
        if kwargs:
            builder.error(node, "`checkpointed` takes no keyword arguments.")
        walked = walk(builder, args[0], args[1:], node, levels=0)
        walked = replace(walked, function=simplify_function(walked.function))
        changed = self._changed(builder, walked, node)
        pure = with_new_memory(_on_copies(walked.function, changed))
        name = unused_name(builder, "checkpointed")
        primal = ir.Program(replace(pure, name=name), dict(builder.callees))
        self._check(builder, primal, node)
        wrt = tuple(
            position
            for position, param in enumerate(pure.params)
            if tangent_type(param.type) is not None
        )
        derivative = ir.CustomDerivative(
            "checkpointed",
            replace(pure, results=(*pure.results, *pure.params)),
            self._backward(builder, primal, wrt),
            wrt,
            (),
            whole_tangent(builder, primal, wrt, self.derivatives),
            wrt,
        )
        builder.callees[name] = replace(primal.entry, custom=derivative)
        types = [result.type for result in pure.results]
        builder.write()
        invoke = ir.Invoke(name, walked.actual, wrt)
        if len(types) == 1:
            found = [builder.let(types[0], invoke)]
        else:
            whole = builder.let(Tuple(tuple(types)), invoke)
            found = [builder.let(t, ir.TupleItem(whole, n)) for n, t in enumerate(types)]
        count = len(walked.function.results)
        for position, new in zip(changed, found[count:], strict=True):
            target = walked.actual[position]
            assert isinstance(target, ir.Var)
            copy_into(builder.block, target, new)
        return rebuilt(builder, walked.result, list(found[:count]))

    def _changed(self, builder: Builder, walked: Walked, node: ast.AST | None) -> tuple[int, ...]:
        """Positions of the arrays that the function writes to."""
        function = walked.function
        changed = tuple(writes(function, builder.callees, range(len(function.params))))
        sources = [_source(builder, operand) for operand in walked.actual]
        for position in changed:
            param = function.params[position]
            if not isinstance(param.type, Array):
                builder.error(node, "A function given to `checkpointed` changes a list.")
            if sources.count(sources[position]) > 1:
                builder.error(
                    node,
                    f"`{param.name or 'an array'}` is written to in a function given to "
                    "`checkpointed`, which sees its memory in another way too.",
                    "The function runs on copies of the arrays that it changes.",
                    "Pass the array once, and make the views inside the function.",
                )
        return changed

    def _check(self, builder: Builder, primal: ir.Program, node: ast.AST | None) -> None:
        for function in (primal.entry, *primal.callees.values()):
            for statement in visit.walk(function.body):
                match statement:
                    case ir.Let(_, ir.Call() as call) if self.derivatives.is_impure(call):
                        builder.error(
                            node,
                            "A function given to `checkpointed` draws random numbers.",
                            "It runs again in the backward sweep.",
                            "Draw the numbers outside and pass them.",
                        )
                    case _:
                        pass

    def _backward(self, builder: Builder, primal: ir.Program, wrt: tuple[int, ...]) -> ir.Function:
        """Return the function of the arguments and the cotangents to those of the arguments."""
        reversed_ = reverse(primal, wrt, self.derivatives)
        entry = adopted(builder, joint(reversed_, f"{primal.entry.name}_again"))
        count = len(primal.entry.results)
        out = BlockBuilder(Fresh(visit.first_free_id(entry)))
        out.origin = entry.origin
        own_seeds = iter(entry.params[len(primal.entry.params) :])
        seeds: list[ir.Var] = []
        for result, seed in zip(primal.entry.results, reversed_.seeds, strict=True):
            type_ = tangent_type(result.type)
            if seed is not None:
                seeds.append(next(own_seeds))
            elif type_ is not None:
                seeds.append(out.fresh.var(type_, "y_bar"))
        found = iter(entry.results[count:])
        cotangents: list[ir.Operand] = []
        for position, cotangent in zip(wrt, reversed_.cotangents, strict=True):
            param = entry.params[position]
            cotangents.append(_zero(param, out) if cotangent is None else next(found))
        return ir.Function(
            entry.name,
            (*entry.params[: len(primal.entry.params)], *seeds),
            entry.body + out.block(),
            tuple(cotangents),
            entry.origin,
        )


def _zero(param: ir.Var, out: BlockBuilder) -> ir.Operand:
    type_ = tangent_type(param.type)
    assert type_ is not None
    if not isinstance(type_, Array):
        return arith.zero(type_)
    shape = tuple(out.let(arith.ZERO.type, ir.Shape(param, axis)) for axis in range(type_.ndim))
    made = out.let(replace(type_, layout="C"), ir.Alloc(shape, arith.zero(type_.dtype)))
    return made if made.type == type_ else out.let(type_, ir.Cast(made))


def _source(builder: Builder, operand: ir.Operand) -> ir.Operand | None:
    """Return the array that an operand views, as far as that is known here; None for numbers."""
    if not isinstance(operand, ir.Var) or not is_memory(operand.type):
        return None
    while isinstance(operand, ir.Var):
        match builder.definitions.get(operand.id):
            case ir.Subview(array) | ir.Transpose(array) | ir.Component(array) | ir.Reshape(array):
                operand = array
            case ir.Cast(inner):
                operand = inner
            case _:
                break
    return builder.resolve_operand(operand)


def _on_copies(function: ir.Function, changed: tuple[int, ...]) -> ir.Function:
    """Let the function change copies of the arrays at the positions, and return these too."""
    out = BlockBuilder(Fresh(visit.first_free_id(function)))
    out.origin = function.origin
    substitution: dict[ir.Var, ir.Operand] = {}
    copies: list[ir.Operand] = []
    for position in changed:
        param = function.params[position]
        assert isinstance(param.type, Array)
        layout = "F" if param.type.layout == "F" else "C"
        made: ir.Var = out.call(replace(param.type, layout=layout), np.copy, param, name=param.name)
        if made.type != param.type:
            made = out.let(param.type, ir.Cast(made))
        substitution[param] = made
        copies.append(made)
    rename = visit.Substituter(substitution)
    body = tuple(rename.statement(statement) for statement in function.body)
    results = tuple(rename.operand(result) for result in function.results)
    return replace(function, body=out.block() + body, results=(*results, *copies))
