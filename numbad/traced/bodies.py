"""Running the bodies of derivative rules on Python numbers, on arrays, and on traced values.

A body is written for scalars of a type that Numba knows. Python's numbers become NumPy's, whose
division never raises. For arrays the body is compiled a second time with its conditions turned
into selections of elements.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from numbad.rules.domains import Integers
from numbad.rules.forms import ScalarRule
from numbad.traced.activity import settle
from numbad.traced.values import Traced, TracedArray, TracedNumber, hooks, plain

_NUMPY_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}


def is_array(value: Any) -> bool:
    """Whether a value is an array in a traced function."""
    return type(value) is TracedArray or type(value) is np.ndarray


def takes_result(body: Callable[..., Any]) -> bool:
    """Whether a body has the parameter ``y``."""
    code = body.__code__
    return bool(code.co_kwonlyargcount)


def run(body: Callable[..., Any], args: list[Any], y: Any, *, elementwise: bool) -> Any:
    """Run a rule's body on the operands below a level."""
    named = {"y": y} if takes_result(body) else {}
    with np.errstate(all="ignore"):
        if elementwise and any(is_array(each) for each in (*args, y)):
            return vectorized(body)(*args, **named)
        if any(isinstance(each, Traced) for each in (*args, y)):
            return hooks.call(body, *args, **named)
        return body(*args, **named)


def operands(rule: ScalarRule | None, args: list[Any], y: Any) -> list[Any]:
    """Return operands as the body of a rule expects them: of the type of the result."""
    if any(is_array(each) for each in args):
        integers = [
            rule is not None and i < len(rule.domain) and isinstance(rule.domain[i], Integers)
            for i in range(len(args))
        ]
        return [
            each if whole else _inexact_array(each)
            for each, whole in zip(args, integers, strict=True)
        ]
    keeps = rule is not None and rule.keeps_integers
    if isinstance(plain(y), Fraction | Decimal):
        # Whole numbers take part in exact quotients.
        exact = type(plain(y))
        return [
            exact(each) if isinstance(each, int) and not keeps else settle(each) for each in args
        ]
    inexact = isinstance(plain(y), float | complex | np.inexact)
    return [ieee(each, to_float=inexact and not keeps) for each in args]


def _inexact_array(value: Any) -> Any:
    found = plain(value)
    if is_array(value):
        return hooks.call(np.copy, value).astype(np.float64) if found.dtype.kind in "biu" else value
    return float(value) if type(value) is int else value


def ieee(value: Any, *, to_float: bool = False) -> Any:
    """Return a number whose arithmetic does not raise; with the same place in its level."""
    value = settle(value)
    if type(value) is TracedNumber:
        return TracedNumber(value.level, ieee(value.primal, to_float=to_float), value.slot)
    if type(value) is float:
        return np.float64(value)
    if type(value) is complex:
        return np.complex128(value)
    if to_float and isinstance(value, int | Fraction | np.integer):
        return np.float64(value)
    return value


_vectorized: dict[Any, Callable[..., Any]] = {}


def vectorized(body: Callable[..., Any]) -> Callable[..., Any]:
    """Return the body for arrays: both branches are computed and the elements selected."""
    found = _vectorized.get(body)
    if found is None:
        tree = ast.parse(textwrap.dedent(inspect.getsource(body)))
        definition = tree.body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.decorator_list = []
        tree = ast.fix_missing_locations(_Vectorizer(body).visit(tree))
        namespace = {
            **body.__globals__,
            "_select": _select,
            "_or": lambda a, b: hooks.call(np.logical_or, a, b),
            "_and": lambda a, b: hooks.call(np.logical_and, a, b),
            "_not": lambda a: hooks.call(np.logical_not, a),
            "_complex": lambda a, b: a + 1j * b,
            "_each": _each,
        }
        exec(compile(tree, f"<{body.__name__} for arrays>", "exec"), namespace)
        found = _vectorized[body] = namespace[body.__name__]
    return found


def _select(condition: Any, chosen: Any, other: Any) -> Any:
    if not is_array(condition):
        return chosen if condition else other
    return hooks.call(np.where, condition, chosen, other)


def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of numbers for arrays; active arrays are not accepted."""

    def elements(*args: Any) -> Any:
        return hooks.call(np.vectorize(function, otypes=[float]), *args)

    return elements


class _Vectorizer(ast.NodeTransformer):
    def __init__(self, body: Callable[..., Any]) -> None:
        self.globals: dict[str, Any] = body.__globals__

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return _call("_select", node.test, node.body, node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        name = "_or" if isinstance(node.op, ast.Or) else "_and"
        found = node.values[0]
        for value in node.values[1:]:
            found = _call(name, found, value)
        return found

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _call("_not", node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Name("complex"):
                node.func = ast.Name("_complex", ast.Load())
            case ast.Name(name) if not name.startswith("_") and name in self.globals:
                node.func = _call("_each", ast.Name(name, ast.Load()))
            case ast.Attribute(ast.Name("math"), name):
                numpy_name = _NUMPY_NAMES.get(name, name)
                if hasattr(np, numpy_name):
                    node.func = ast.Attribute(ast.Name("np", ast.Load()), numpy_name, ast.Load())
                else:
                    node.func = _call(
                        "_each", ast.Attribute(ast.Name("math", ast.Load()), name, ast.Load())
                    )
            case _:
                pass
        return node


def _call(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


# --- products of cotangents and slopes --------------------------------------------------------


def product(cotangent: Any, slope: Any) -> Any:
    """Return a cotangent times a slope: zero where one is zero and the other infinite.

    A zero cotangent gives zero whatever the slope, NaN included.
    """
    if type(slope) is int and slope == 1:
        return cotangent
    with np.errstate(all="ignore"):
        if is_array(cotangent) or is_array(slope):
            a, b = plain(cotangent), plain(slope)
            found = np.multiply(a, b)
            wrong = np.isnan(found)
            if wrong.any():
                zero = (a == 0) | ((b == 0) & ~np.isnan(a))
                found = np.where(wrong & zero, np.zeros((), found.dtype), found)
            return found
        found = cotangent * slope
        if isnan(found) and (cotangent == 0 or (slope == 0 and not isnan(cotangent))):
            return found.__class__(0)
        return found


def isnan(value: Any) -> bool:
    """Whether a number of any type is not a number."""
    return bool(value != value)  # noqa: PLR0124 - Fraction has no other test


def conjugate(value: Any) -> Any:
    """Return the complex conjugate; real values as they are."""
    return hooks.call(np.conjugate, value) if is_complex(value) else value


def is_complex(value: Any) -> bool:
    """Whether a number or array is complex."""
    found = plain(value)
    if isinstance(found, np.ndarray):
        return bool(found.dtype.kind == "c")
    return isinstance(found, complex | np.complexfloating)
