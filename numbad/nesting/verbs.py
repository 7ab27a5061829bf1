"""Derivatives inside differentiated code: ``gradient(g, x)`` called by a function being built.

The function is walked as an ``ir.Function`` of its own, differentiated by the same transforms, and
the result is inlined where the call stands. What the function takes from around it becomes further
parameters, so that derivatives flow through closures too. Since the result is ordinary IR, any
nesting of modes works, and there is no perturbation confusion: each derivative has values of its
own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numbad import markers, utilities
from numbad.analysis.connection import connections
from numbad.custom import declare, hooks, python_solvers
from numbad.custom.calls import Handler as RuleHandler
from numbad.errors import NonScalarOutput, UnsupportedSyntax
from numbad.frontend.builder import Builder
from numbad.frontend.values import (
    NONE,
    DictObject,
    ListObject,
    OperandValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, Type, is_complex, is_memory, tangent_type
from numbad.nesting.checkpoints import Checkpoints
from numbad.nesting.forwarddiff import ForwardDiff
from numbad.nesting.functions import (
    leaf_positions,
    operands_of,
    positions,
    rebuilt,
    splice,
    walk,
)
from numbad.nesting.matrices import MatrixVerbs
from numbad.nesting.pullback import Back, PullbackVerbs, Push
from numbad.results import record_class
from numbad.rules import registry
from numbad.rules.forms import ZeroDerivative
from numbad.transform import arith
from numbad.transform.derivatives import BARRIER, Derivatives
from numbad.transform.forward import forward
from numbad.transform.reverse import Reversed, joint, reverse

Handler = Callable[[Builder, list[Value], dict[str, Value], ast.AST | None], Value]


_barrier = ZeroDerivative((markers.dropgrad, markers.detached), BARRIER)
for _marker in _barrier.names:
    registry.register(_marker, _barrier)


class Nesting:
    """Handlers of the public verbs for the front end."""

    def __init__(self, derivatives: Derivatives) -> None:
        self.derivatives = derivatives

    def handlers(self) -> dict[Any, Handler]:
        """Return the handler of each verb that can be called inside differentiated code."""
        from numbad import api, hessians, jacobians

        matrices = MatrixVerbs(self.derivatives)
        return {
            jacobians.jacobian: matrices.jacobian,
            jacobians.withjacobian: matrices.withjacobian,
            hessians.hessian: matrices.hessian,
            hessians.hessian_reverse: matrices.hessian_reverse,
            hessians.withhessian: matrices.withhessian,
            hessians.diaghessian: matrices.diaghessian,
            hessians.hvp: matrices.hvp,
            markers.forwarddiff: ForwardDiff(self.derivatives).call,
            utilities.checkpointed: Checkpoints(self.derivatives).call,
            api.pullback: PullbackVerbs(self).pullback,
            api.pushforward: PullbackVerbs(self).pushforward,
            api.gradient: self.gradient,
            api.withgradient: self.withgradient,
            api.jvp: self.jvp,
            api.derivative: self.derivative,
            api.grad: lambda b, a, k, n: self._reusable(b, a, k, n, with_value=False),
            api.value_and_grad: lambda b, a, k, n: self._reusable(b, a, k, n, with_value=True),
            utilities.isderiving: lambda b, a, k, n: b.number(True),
            utilities.nestlevel: lambda b, a, k, n: b.number(b.nest_level),
            markers.dropgrad: self.dropgrad,
            markers.ignore_derivatives: self.ignore_derivatives,
        }

    def special(self, found: Any) -> Handler | None:
        """Return the handler of an object that is called in a way of its own."""
        from numbad.api import Derivative

        match found:
            case _Reusable() | Back() | Push():
                return found.call
            case Derivative():
                reusable = _Reusable(self, StaticValue(found.function), found.wrt, found.with_value)
                return reusable.call
            case _ if (handler := hooks.special(found)) is not None:
                return handler  # type: ignore[no-any-return]
            case _ if (handler := python_solvers.special(found)) is not None:
                return handler  # type: ignore[no-any-return]
            case _:
                rule = declare.lookup(found)
                return None if rule is None else RuleHandler(rule, found)

    # --- reverse mode ---------------------------------------------------------------------------

    def gradient(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``gradient(f, *xs, wrt=..., zeros=...)``."""
        return self._gradient(builder, args[0], args[1:], kwargs, node)[1]

    def withgradient(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``withgradient(f, *xs, wrt=..., zeros=...)``."""
        from numbad.api import ValueAndGrad

        val, found = self._gradient(builder, args[0], args[1:], kwargs, node)
        return TupleValue((val, found), ValueAndGrad)

    def _gradient(
        self,
        builder: Builder,
        function: Value,
        xs: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST | None,
    ) -> tuple[Value, TupleValue]:
        options = {name: builder.as_static(value) for name, value in kwargs.items()}
        zeros = bool(options.pop("zeros", False))
        options.pop("engine", None)
        chosen = positions(options.pop("wrt", None), len(xs), builder, node)
        if options:
            builder.error(node, f"`gradient` has no option {', '.join(options)} here.")
        walked = walk(builder, function, xs, node)
        if not walked.function.results or not _is_real(walked.function.results[0].type):
            builder.error(
                node,
                "`gradient` needs a real number from its function.",
                kind=NonScalarOutput,
            )
        wrt = leaf_positions(builder, xs, chosen)
        program = ir.Program(walked.function, dict(builder.callees))
        reversed_ = reverse(program, wrt, self.derivatives, seeded=(0,), fuse=True)
        seed = tangent_type(reversed_.program.entry.results[0].type)
        assert isinstance(seed, Scalar)
        seeds = (ir.Const(1.0, seed), *(None for _ in walked.function.results[1:]))
        made = joint(reversed_, "inner_gradient", seed_values=seeds)
        results = splice(builder, made, walked.actual)
        count = len(walked.function.results)
        val = rebuilt(builder, walked.result, list(results[:count]))
        cotangents = iter(results[count:])
        by_leaf = self.by_leaf(reversed_, wrt, (0,), cotangents)
        entries: list[Value] = []
        number = 0
        for x in xs:
            entry, number = self.entry(builder, x, number, by_leaf, zeros)
            entries.append(entry)
        return val, TupleValue(tuple(entries))

    def by_leaf(
        self,
        reversed_: Reversed,
        wrt: tuple[int, ...],
        outputs: tuple[int, ...],
        cotangents: Iterator[ir.Operand],
    ) -> dict[int, ir.Operand | None]:
        """Cotangents by the leaf's number: those with any path; None where all slopes are zero."""
        linked = connections(reversed_.program, wrt, outputs, self.derivatives.connected)
        found: dict[int, ir.Operand | None] = {}
        for position, cotangent, is_linked in zip(wrt, reversed_.cotangents, linked, strict=True):
            value = next(cotangents) if cotangent is not None else None
            if is_linked:
                found[position] = value
        return found

    def entry(
        self,
        builder: Builder,
        value: Value,
        number: int,
        by_leaf: dict[int, ir.Operand | None],
        zeros: bool,
    ) -> tuple[Value, int]:
        """Return the gradient for one argument, and the number of the next leaf."""
        if isinstance(value, StaticValue):
            return NONE, number
        contents = builder.object(value) if isinstance(value, Ref) else None
        items = builder.as_sequence(value)
        if isinstance(contents, DictObject | RecordObject):
            items = contents.items
        if items is not None:
            parts = []
            for item in items:
                part, number = self.entry(builder, item, number, by_leaf, zeros)
                parts.append(part)
            match contents:
                case DictObject(keys):
                    return builder.new_object(DictObject(keys, tuple(parts))), number
                case RecordObject(cls, names):
                    return TupleValue(tuple(parts), record_class(cls.__name__, names)), number
                case ListObject():
                    return builder.new_list(parts), number
                case _:
                    return TupleValue(tuple(parts), getattr(value, "cls", None)), number
        cotangent = by_leaf.get(number)
        if cotangent is not None:
            return OperandValue(cotangent), number + 1
        operand = builder.as_operand(value)
        type_ = tangent_type(operand.type)
        if type_ is None or (number not in by_leaf and not zeros):
            return NONE, number + 1
        return OperandValue(self._zero(builder, operand, type_)), number + 1

    def _zero(self, builder: Builder, operand: ir.Operand, type_: Type) -> ir.Operand:
        if not is_memory(type_):
            return arith.zero(type_)
        assert isinstance(type_, Array) and isinstance(operand, ir.Var)
        shape = [builder.shape(operand, axis) for axis in range(type_.ndim)]
        return builder.alloc(replace(type_, layout="C"), shape, arith.zero(type_.dtype))

    def _reusable(
        self,
        builder: Builder,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST | None,
        *,
        with_value: bool,
    ) -> Value:
        """``grad(f, wrt)`` and ``value_and_grad(f, wrt)``: a function of the front end."""
        wrt_value = args[1] if len(args) > 1 else kwargs.get("wrt")
        wrt = 0 if wrt_value is None else builder.as_static(wrt_value)
        return StaticValue(_Reusable(self, args[0], wrt, with_value))

    # --- forward mode ---------------------------------------------------------------------------

    def jvp(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``jvp(f, primals, tangents)``."""
        function, primals, tangents = args
        xs = builder.as_sequence(primals)
        directions = builder.as_sequence(tangents)
        if xs is None or directions is None or len(xs) != len(directions):
            builder.error(node, "`jvp` needs as many tangents as primals.")
        return self.along(builder, function, list(xs), list(directions), node)

    def derivative(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``derivative(f, x)``."""
        function, x = args
        one = builder.number(1.0)
        found = self.along(builder, function, [x], [one], node)
        assert isinstance(found, TupleValue)
        return found.items[1]

    def along(
        self,
        builder: Builder,
        function: Value,
        xs: list[Value],
        directions: list[Value],
        node: ast.AST | None,
    ) -> TupleValue:
        """Return the value of a function and its derivative along directions, None for zero."""
        walked = walk(builder, function, xs, node)
        chosen = tuple(
            position for position, direction in enumerate(directions) if direction != NONE
        )
        wrt = leaf_positions(builder, xs, chosen)
        seeds: list[ir.Operand] = []
        for position in chosen:
            for operand, direction in zip(
                operands_of(builder, xs[position]),
                operands_of(builder, directions[position]),
                strict=True,
            ):
                type_ = tangent_type(operand.type)
                if type_ is not None:
                    seeds.append(direction if is_memory(type_) else builder.cast(direction, type_))
        program = ir.Program(walked.function, dict(builder.callees))
        tangent = forward(program, wrt, self.derivatives, "inner_tangent")
        results = splice(builder, tangent.program, (*walked.actual, *seeds))
        count = len(walked.function.results)
        values = list(results[:count])
        varied = iter(results[count:])
        dots: list[ir.Operand] = []
        for value, is_varied in zip(values, tangent.varied, strict=True):
            if is_varied:
                dots.append(next(varied))
                continue
            type_ = tangent_type(value.type)
            if type_ is None:
                raise UnsupportedSyntax(
                    f"a result of type {value.type} has no tangent.", origin=builder.origin(node)
                )
            dots.append(self._zero(builder, value, type_))
        y = rebuilt(builder, walked.result, list(values))
        return TupleValue((y, rebuilt(builder, walked.result, dots)))

    # --- marks ------------------------------------------------------------------------------------

    def dropgrad(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``dropgrad(x)``: a number passes a barrier, an array is copied behind one."""
        operands = operands_of(builder, args[0])
        barred: list[ir.Operand] = []
        for operand in operands:
            if tangent_type(operand.type) is None or isinstance(operand, ir.Const):
                barred.append(operand)
            elif isinstance(operand.type, Array):
                layout = "F" if operand.type.layout == "F" else "C"
                type_ = replace(operand.type, layout=layout, readonly=False)
                barred.append(builder.let(type_, ir.Call(markers.detached, (operand,))))
            else:
                barred.append(builder.let(operand.type, ir.Call(markers.dropgrad, (operand,))))
        return rebuilt(builder, args[0], barred)

    def ignore_derivatives(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """``ignore_derivatives(x or thunk)``."""
        value = args[0]
        if not isinstance(value, OperandValue) and builder.as_sequence(value) is None:
            value = builder.apply(value, [], {}, node)
        return self.dropgrad(builder, [value], {}, node)


@dataclass(frozen=True, eq=False)
class _Reusable:
    """What ``grad(f)`` is inside differentiated code."""

    nesting: Nesting
    function: Value
    wrt: Any
    with_value: bool

    def call(
        self, builder: Builder, args: list[Value], kwargs: dict[str, Value], node: ast.AST | None
    ) -> Value:
        """Call the derivative."""
        several = isinstance(self.wrt, tuple | list)
        options: dict[str, Value] = {"wrt": StaticValue(self.wrt)}
        val, found = self.nesting._gradient(builder, self.function, args, options, node)
        picked = tuple(
            found.items[positions(item, len(args), builder, node)[0]]
            for item in (self.wrt if several else (self.wrt,))
        )
        result: Value = TupleValue(picked) if several else picked[0]
        return TupleValue((val, result)) if self.with_value else result


def _is_real(type_: Type) -> bool:
    return isinstance(type_, Scalar) and not is_complex(type_) and type_.name != "bool"
