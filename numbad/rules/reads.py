"""Which arguments each partial of a rule body reads, found in the body's source.

The scheduler records only what the backward sweep reads; this is where it learns that the partial
of ``tanh`` needs the result alone and that of addition nothing.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reads:
    """What one partial depends on.

    ``arguments`` are positions; ``result`` says whether the primal result is read; ``constant`` is
    the partial's value where that is a literal number.
    """

    arguments: frozenset[int]
    result: bool
    constant: float | None = None


def read_partials(body: Callable[..., Any], n_args: int) -> tuple[Reads | None, ...]:
    """Return what each partial of ``body`` reads; None for a partial that is None.

    Parameters
    ----------
    body
        A function of assignments to plain names (or tuples of names) and one return.
    n_args
        The number of partials.
    """
    node = _definition(body)
    parameters = [each.arg for each in node.args.posonlyargs + node.args.args]
    reads: dict[str, Reads] = {
        name: Reads(frozenset([position]), False) for position, name in enumerate(parameters)
    }
    reads["y"] = Reads(frozenset(), True)
    returned: ast.expr | None = None
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                reads[name] = _of_expression(value, reads)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                union = _of_expression(value, reads)
                reads.update({each.id: union for each in targets if isinstance(each, ast.Name)})
            case ast.Return(value=value):
                returned = value
            case ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise TypeError(
                    f"the body of a scalar rule is assignments and one return: "
                    f"{body.__qualname__} has {ast.unparse(statement)!r}"
                )
    items = returned.elts if isinstance(returned, ast.Tuple) else [returned]
    if len(items) != n_args:
        raise TypeError(f"{body.__qualname__} returns {len(items)} partials, not {n_args}")
    return tuple(_of_partial(item, reads) for item in items)


def _definition(body: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(body)))
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(f"the body of a scalar rule is a function: {body!r}")
    return node


def _of_partial(item: ast.expr | None, reads: dict[str, Reads]) -> Reads | None:
    match item:
        case ast.Constant(value=None) | None:
            return None
        case ast.Constant(value=bool() | int() | float() as value):
            return Reads(frozenset(), False, value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Reads(frozenset(), False, -value)
        case _:
            return _of_expression(item, reads)


def _of_expression(expression: ast.expr, reads: dict[str, Reads]) -> Reads:
    arguments: frozenset[int] = frozenset()
    result = False
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id in reads:
            arguments |= reads[node.id].arguments
            result |= reads[node.id].result
    return Reads(arguments, result)
