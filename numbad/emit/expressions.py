"""Expressions of the IR as Python text with as few parentheses as precedence allows."""

from __future__ import annotations

import operator
import types as python_types
from typing import Any, assert_never

from numbad.emit.folding import Plan
from numbad.emit.literals import ATOM, SIGN, Literals
from numbad.emit.references import References
from numbad.errors import InternalError
from numbad.ir import nodes as ir
from numbad.ir.types import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    Array,
    Lanes,
    List,
    Opaque,
    Scalar,
    Stack,
    Tuple,
    Type,
    is_complex,
    is_integer,
    is_real,
)

Printed = tuple[str, int]

TERNARY, NOT, COMPARISON, SUM, PRODUCT, POWER = 1, 4, 5, 10, 11, 13

_BINARY: dict[Any, tuple[str, int]] = {
    operator.add: ("+", SUM),
    operator.sub: ("-", SUM),
    operator.mul: ("*", PRODUCT),
    operator.truediv: ("/", PRODUCT),
    operator.floordiv: ("//", PRODUCT),
    operator.mod: ("%", PRODUCT),
    operator.matmul: ("@", PRODUCT),
    operator.pow: ("**", POWER),
    operator.lshift: ("<<", 9),
    operator.rshift: (">>", 9),
    operator.and_: ("&", 8),
    operator.xor: ("^", 7),
    operator.or_: ("|", 6),
    operator.lt: ("<", COMPARISON),
    operator.le: ("<=", COMPARISON),
    operator.gt: (">", COMPARISON),
    operator.ge: (">=", COMPARISON),
    operator.eq: ("==", COMPARISON),
    operator.ne: ("!=", COMPARISON),
    operator.is_: ("is", COMPARISON),
    operator.is_not: ("is not", COMPARISON),
}

_OPPOSITE = {operator.add: "-", operator.sub: "+"}

_ZEROS = ("0", "0.0", "False", "0j")

_UNARY: dict[Any, tuple[str, int]] = {
    operator.neg: ("-", SIGN),
    operator.pos: ("+", SIGN),
    operator.invert: ("~", SIGN),
    operator.not_: ("not ", NOT),
}


class ExpressionPrinter:
    """Prints operands and expressions of one function, whose values have their names."""

    def __init__(
        self, plan: Plan, names: dict[ir.Var, str], references: References, plain_division: bool
    ) -> None:
        self.plan = plan
        self.names = names
        self.references = references
        self.literals = Literals(references)
        self.plain_division = plain_division

    def operand(self, operand: ir.Operand, least: int = 0) -> str:
        """Return the text of an operand, in parentheses if it binds less tightly than ``least``."""
        text, precedence = self._operand(operand)
        return text if precedence >= least else f"({text})"

    def expression(self, expr: ir.Expr, type_: Type) -> str:
        """Return the text of an expression whose value has the given type."""
        return self._expression(expr, type_)[0]

    def _operand(self, operand: ir.Operand) -> Printed:
        match operand:
            case ir.Const(value, type_):
                return self.literals.constant(value, type_)
            case ir.Undefined(type_):
                return self.zero(type_), ATOM
            case ir.Var():
                if operand in self.plan.folded:
                    return self._expression(self.plan.folded[operand], operand.type)
                return self.names[operand], ATOM
            case _:
                assert_never(operand)

    def _list(self, operands: tuple[ir.Operand, ...]) -> str:
        return ", ".join(self.operand(v) for v in operands)

    def alias(self, operand: ir.Operand, type_: Type) -> Printed:
        """Return the text of an operand for a name of a type: the same, or one of more layouts.

        Numba makes the two sides of an assignment of one type. A step makes the layout general.
        """
        match operand, type_:
            case ir.Var(type=Array(ndim=ndim, layout="C" | "F")), Array(layout="A") if ndim:
                return f"{self.operand(operand, ATOM)}[::1]", ATOM
            case _:
                return self._operand(operand)

    def index(self, operands: tuple[ir.Operand, ...]) -> str:
        """Text between the brackets of the element of an array."""
        return self._list(operands) or "()"

    def _tuple(self, operands: tuple[ir.Operand, ...]) -> str:
        text = self._list(operands)
        return f"({text},)" if len(operands) == 1 else f"({text})"

    # --- expressions --------------------------------------------------------------------------

    def _expression(self, expr: ir.Expr, type_: Type) -> Printed:
        match expr:
            case ir.Call(fn, args, kwargs):
                return self.call(fn, args, kwargs)
            case ir.Select(condition, if_true, if_false):
                parts = (
                    self.operand(if_true, TERNARY + 1),
                    self.operand(condition, TERNARY + 1),
                    self.operand(if_false, TERNARY),
                )
                return "{} if {} else {}".format(*parts), TERNARY
            case ir.Cast(value):
                return self._cast(value, type_)
            case ir.Load(array, index):
                return f"{self.operand(array, ATOM)}[{self.index(index)}]", ATOM
            case ir.Shape(array, axis):
                if isinstance(array.type, List):
                    return f"len({self.operand(array)})", ATOM
                return f"{self.operand(array, ATOM)}.shape[{axis}]", ATOM
            case ir.Subview(array, view_index):
                index_text = ", ".join(self._index_item(item) for item in view_index)
                return f"{self.operand(array, ATOM)}[{index_text}]", ATOM
            case ir.Transpose(array, axes):
                base = self.operand(array, ATOM)
                if axes == tuple(reversed(range(len(axes)))):
                    return f"{base}.T", ATOM
                return f"{base}.transpose(({', '.join(map(str, axes))}))", ATOM
            case ir.Component(array, name):
                return f"{self.operand(array, ATOM)}.{name}", ATOM
            case ir.Reshape(array, shape):
                return f"{self.operand(array, ATOM)}.reshape({self._tuple(shape)})", ATOM
            case ir.Alloc(shape, fill, purpose):
                return self._alloc(shape, fill, purpose, type_), ATOM
            case ir.MakeTuple(items):
                if isinstance(type_, Tuple) and type_.cls is not None:
                    return f"{self.references.text(type_.cls)}({self._list(items)})", ATOM
                return self._tuple(items), ATOM
            case ir.TupleItem(value, position):
                return f"{self.operand(value, ATOM)}[{position}]", ATOM
            case ir.Invoke(function, args):
                return f"{function}({self._list(args)})", ATOM
            case ir.NewStack():
                assert isinstance(type_, Stack)
                new_stack = self.references.kernel("stack", "new_stack")
                return f"{new_stack}({self.literals.dtype(type_.item)})", ATOM
            case ir.Reserve(stack, count, zeroed):
                name = "reserve_zeroed" if zeroed else "reserve"
                reserve = self.references.kernel("stack", name)
                return f"{reserve}({self._list((stack, count))})", ATOM
            case ir.Release(stack, count):
                release = self.references.kernel("stack", "release")
                return f"{release}({self._list((stack, count))})", ATOM
            case ir.Pop(array):
                return f"{self.operand(array, ATOM)}.pop()", ATOM
            case _:
                assert_never(expr)

    def _index_item(self, item: ir.Operand | ir.Slice | ir.NewAxis) -> str:
        match item:
            case ir.NewAxis():
                return "None"
            case ir.Slice(start, stop, step):
                bounds = ["" if b is None else self.operand(b, TERNARY + 1) for b in (start, stop)]
                if step is not None:
                    bounds.append(self.operand(step, TERNARY + 1))
                return ":".join(bounds)
            case _:
                return self.operand(item)

    def call(
        self,
        fn: Any,
        args: tuple[ir.Operand, ...],
        kwargs: tuple[tuple[str, ir.Operand], ...] = (),
    ) -> Printed:
        """Return the text of ``fn(*args, **kwargs)``: an operator, a method or a call."""
        if self.plain_division and _is_divide(fn):
            fn = operator.truediv
        fn = self.references.substitute(fn, args)
        if isinstance(fn, python_types.BuiltinFunctionType) and not kwargs:
            operation = self._operation(fn, args)
            if operation is not None:
                return operation
        keywords = [f"{name}={self.operand(value)}" for name, value in kwargs]
        if isinstance(fn, python_types.GetSetDescriptorType | python_types.MemberDescriptorType):
            return f"{self.operand(args[0], ATOM)}.{fn.__name__}", ATOM
        if isinstance(fn, python_types.MethodDescriptorType):
            rest = ", ".join([self.operand(v) for v in args[1:]] + keywords)
            return f"{self.operand(args[0], ATOM)}.{fn.__name__}({rest})", ATOM
        arguments = ", ".join([self.operand(v) for v in args] + keywords)
        return f"{self.references.text(fn)}({arguments})", ATOM

    def _operation(self, fn: Any, args: tuple[ir.Operand, ...]) -> Printed | None:
        if len(args) == 2 and fn in _BINARY:
            if fn in _OPPOSITE:
                positive = self.negated(args[1])
                if positive is not None:
                    return self._sum(_OPPOSITE[fn], args[0], positive)
            return self._binary(*_BINARY[fn], *args)
        if len(args) == 1 and fn in _UNARY:
            symbol, precedence = _UNARY[fn]
            inner, inner_precedence = self._operand(args[0])
            if inner_precedence < precedence or inner.startswith(symbol):
                inner = f"({inner})"
            return f"{symbol}{inner}", precedence
        if fn is operator.abs and len(args) == 1:
            return f"abs({self.operand(args[0])})", ATOM
        if fn is operator.getitem and len(args) == 2:
            return f"{self.operand(args[0], ATOM)}[{self.operand(args[1])}]", ATOM
        if fn is operator.contains and len(args) == 2:
            item, container = args[1], args[0]
            return (
                f"{self.operand(item, COMPARISON + 1)} in "
                f"{self.operand(container, COMPARISON + 1)}",
                COMPARISON,
            )
        return None

    def _binary(self, symbol: str, precedence: int, left: Any, right: Any) -> Printed:
        if precedence == POWER:
            return f"{self.operand(left, ATOM)} ** {self.operand(right, SIGN)}", precedence
        least = precedence + 1 if precedence == COMPARISON else precedence
        return f"{self.operand(left, least)} {symbol} {self.operand(right, precedence + 1)}", (
            precedence
        )

    def _sum(self, symbol: str, left: ir.Operand, right: Printed) -> Printed:
        text, precedence = right
        if precedence <= SUM:
            text = f"({text})"
        return f"{self.operand(left, SUM)} {symbol} {text}", SUM

    def negated(self, operand: ir.Operand) -> Printed | None:
        """Return the text of ``-operand`` if the operand is printed with a minus sign in front.

        ``a + -b`` is then printed ``a - b``, and ``a + -b * c`` is ``a - b * c``: the same value,
        bit for bit, for real numbers.
        """
        if not (is_real(operand.type) or operand.type == INT64):
            return None
        match operand:
            case ir.Const(value) if isinstance(value, int | float) and value < 0:
                return self.literals.constant(-value, operand.type)
            case ir.Var() if operand in self.plan.folded:
                return self._negated_expression(self.plan.folded[operand])
            case _:
                return None

    def _negated_expression(self, expr: ir.Expr) -> Printed | None:
        match expr:
            case ir.Call(operator.neg, (inner,)):
                return self._operand(inner)
            case ir.Call(operator.mul, (left, right)):
                positive = self.negated(left)
                if positive is None:
                    return None
                text, precedence = positive
                text = text if precedence >= PRODUCT else f"({text})"
                return f"{text} * {self.operand(right, PRODUCT + 1)}", PRODUCT
            case _:
                return None

    def _cast(self, value: ir.Operand, type_: Type) -> Printed:
        source = value.type
        if source == type_ or isinstance(source, Array):
            return self.alias(value, type_)
        if isinstance(type_, Lanes):
            return f"{self.literals.dtype(type_)}({self.operand(value)})", ATOM
        if not isinstance(type_, Scalar):
            return self._operand(value)
        truncated = is_integer(type_) and is_real(source)
        if isinstance(value, ir.Const) and not is_complex(source) and not truncated:
            return self.literals.constant(value.value, type_)
        text = self.operand(value)
        if type_ == FLOAT64 and is_integer(source):
            return f"float({text})", ATOM
        if type_ == INT64 and is_real(source):
            return f"int({text})", ATOM
        if type_ == COMPLEX128 and (source == FLOAT64 or is_integer(source)):
            return f"complex({text})", ATOM
        if type_ == BOOL:
            return f"bool({text})", ATOM
        return f"{self.literals.scalar(type_)}({text})", ATOM

    # --- memory and zeros ----------------------------------------------------------------------

    def zero(self, type_: Type) -> str:
        """Return an expression of the type, for a name that Numba must know the type of."""
        match type_:
            case Scalar() | Lanes():
                return self.literals.constant(0, type_)[0]
            case Array(_, ndim):
                shape = tuple(ir.Const(0, INT64) for _ in range(ndim))
                return self._alloc(shape, None, "user", type_)
            case List():
                return self._alloc((ir.Const(0, INT64),), None, "user", type_)
            case Tuple(items):
                parts = [self.zero(item) for item in items]
                text = ", ".join(parts) + ("," if len(parts) == 1 else "")
                return f"({text})" if type_.cls is None else f"{self._class(type_)}({text})"
            case Opaque(numba_type) if str(numba_type) == "none":
                return "None"
            case Stack(item):
                new_stack = self.references.kernel("stack", "new_stack")
                return f"{new_stack}({self.literals.dtype(item)})"
            case Opaque():
                raise InternalError(f"A value of type {type_} is never assigned.")
            case _:
                assert_never(type_)

    def _class(self, type_: Tuple) -> str:
        return self.references.text(type_.cls)

    def _alloc(
        self, shape: tuple[ir.Operand, ...], fill: ir.Operand | None, purpose: str, type_: Type
    ) -> str:
        match type_:
            case List(item):
                element = self.zero(item) if fill is None else self.operand(fill)
                if isinstance(item, Array) and item.layout == "A" and item.ndim:
                    element += (
                        "[::1]"  # a step makes the layout general, as that of the list's items
                    )
                return f"[{element}] * {self.operand(shape[0], PRODUCT + 1)}"
            case Array(dtype, ndim, layout):
                fortran = layout == "F" and ndim > 1
                extents = tuple(reversed(shape)) if fortran else shape
                text = self._new_array(extents, fill, dtype, purpose)
                return f"{text}.T" if fortran else text
            case _:
                raise InternalError(f"A value of type {type_} cannot be allocated.")

    def _new_array(
        self,
        shape: tuple[ir.Operand, ...],
        fill: ir.Operand | None,
        dtype: Scalar | Lanes,
        purpose: str,
    ) -> str:
        extent = self.operand(shape[0]) if len(shape) == 1 else self._tuple(shape)
        kind = "" if dtype == FLOAT64 else f", {self.literals.dtype(dtype)}"
        if fill is None:
            function = self.references.kernel("memory", "tape" if purpose == "tape" else "empty")
            return f"{function}({extent}{kind})"
        if isinstance(fill, ir.Const) and repr(fill.value) in _ZEROS:
            return f"{self.references.kernel('memory', 'zeros')}({extent}{kind})"
        self.references.numpy()
        return f"np.full({extent}, {self.operand(fill)}{kind})"


def _is_divide(fn: Any) -> bool:
    return (
        getattr(fn, "__name__", "") == "divide"
        and getattr(fn, "__module__", "") == "numbad.kernels.arithmetic"
    )
