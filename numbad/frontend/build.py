"""From a function and a description of its arguments to a program of the IR.

``build`` walks the function (and everything it calls) once and returns the program together with
how to call it: which live values are hidden parameters, how the results form the returned value,
and what the program depends on.
"""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from numbad import numba_bridge
from numbad.compilation import Built, interface_of
from numbad.frontend import arrays, bindings, calls, jitclasses, live, updates
from numbad.frontend.builder import Builder
from numbad.frontend.callables import Kind, resolve_callable
from numbad.frontend.session import Session
from numbad.frontend.signals import DeadEnd, NeedsOpening, Signal
from numbad.frontend.source import load
from numbad.frontend.state import Code, Scope
from numbad.frontend.values import (
    Conflict,
    DictObject,
    DynamicList,
    ListObject,
    OperandValue,
    OptionalValue,
    RangeValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import Type
from numbad.ir.visit import invoked
from numbad.paths import Parameter
from numbad.structure import Leaf, Mapping_, Record, Sequence_, Static, Tree, leaves

ROOT = ("root",)


class _EntryCode(Code):
    """Stands for the caller of the function: it has no source."""

    def __init__(self) -> None:
        self.globals = {}
        self.cells = {}
        self.path = None
        self.function = None
        self.name = "entry"
        self.is_compiled = False
        self.is_generator = False
        none: frozenset[str] = frozenset()
        self.scope = Scope(none, none, none, none, Counter())

    def origin(self, node: ast.AST) -> Any:
        """There is no source."""
        return None


def build(
    fn: Callable[..., Any],
    args: Sequence[Tree],
    kwargs: Mapping[str, Tree] | None = None,
    session: Session | None = None,
) -> Built:
    """Build the program of ``fn(*args, **kwargs)``.

    Parameters
    ----------
    fn : callable
        Anything ``resolve_callable`` knows.
    args, kwargs
        Structure and types of the arguments, as ``structure.describe`` gives them.
    session : Session, optional
        Handlers and rules.

    Returns
    -------
    Built
        The program, its parameters and the structure of its result.

    Raises
    ------
    DifferentiationError
        One of its subclasses, at the line of the user's source that is not supported.
    """
    opened: list[NeedsOpening] = []
    while True:
        try:
            return _build(fn, args, kwargs or {}, session or Session(), opened)
        except NeedsOpening as need:
            opened.append(need)


def _build(
    fn: Callable[..., Any],
    args: Sequence[Tree],
    kwargs: Mapping[str, Tree],
    session: Session,
    opened: list[NeedsOpening],
) -> Built:
    builder = Builder(session)
    builder.live.root = fn
    builder.raises_on_zero = _options(fn).get("error_model", "python") != "numpy"
    _enter(builder)
    builder.live.open(opened)
    params: list[ir.Var] = []

    def leaf(tree: Leaf, name: str) -> ir.Operand:
        var = builder.fresh.var(tree.type, name)
        params.append(var)
        arrays.note_parameter(builder, var)
        return var

    names = _parameter_names(fn, len(args))
    values = [
        live.argument_value(builder, tree, name, leaf, (("arg", i),))
        for i, (tree, name) in enumerate(zip(args, names, strict=True))
    ]
    named = {
        name: live.argument_value(builder, tree, name, leaf, (("kwarg", name),))
        for name, tree in kwargs.items()
    }
    parameters = [Parameter((("arg", i),), tree) for i, tree in enumerate(args)]
    parameters += [Parameter((("kwarg", name),), tree) for name, tree in kwargs.items()]
    root = StaticValue(fn, (ROOT,))
    value = _call(builder, fn, root, values, named)
    tree, operands = result_tree(builder, value)
    changes = updates.collect(builder, operands)
    entry = _finish(builder, _name(fn), (*params, *builder.live.variables), operands, fn)
    program = ir.Program(entry, _reachable_callees(builder, entry))
    return Built(
        lambda: program,
        interface_of(program),
        (*parameters, *builder.live.parameters),
        tree,
        tuple(builder.live.dependencies),
        _options(fn) | _as_python(fn, program),
        changes,
        builder.live.objects if changes else (),
    )


def build_rule(
    fn: Callable[..., Any], types: Sequence[Type], session: Session | None = None
) -> tuple[ir.Function, Tree]:
    """Build the body of a derivative rule for arguments of the types.

    ``types`` are those of the parameters in order, keyword-only ones last. In the body ``/`` never
    raises. The tree tells which of the partials are ``None``.
    """
    builder = Builder(session or Session(), is_rule=True)
    builder.live.root = fn
    _enter(builder)
    callee = resolve_callable(fn)
    arguments = load(callee.target).node.args
    positional = [p.arg for p in [*arguments.posonlyargs, *arguments.args]]
    keywords = [p.arg for p in arguments.kwonlyargs]
    names = [*positional, *keywords]
    if len(types) < len(names):
        names = names[: len(types)]
    params = [builder.fresh.var(type_, name) for type_, name in zip(types, names, strict=True)]
    values: dict[str, Value] = {
        name: OperandValue(param) for name, param in zip(names, params, strict=True)
    }
    value = _call(
        builder,
        fn,
        StaticValue(callee.function),
        [values[name] for name in names if name in positional],
        {name: values[name] for name in names if name in keywords},
        inline=True,
    )
    tree, operands = result_tree(builder, value)
    function = _finish(
        builder, callee.function.__name__, (*params, *builder.live.variables), operands, fn
    )
    return function, tree


def build_rule_body(
    fn: Callable[..., Any], types: Sequence[Type], session: Session | None = None
) -> ir.Function:
    """Build the body of a derivative rule; see ``build_rule``."""
    return build_rule(fn, types, session)[0]


def _as_python(fn: Callable[..., Any], program: ir.Program) -> dict[str, bool]:
    """Options for a function that Numba does not compile, so that it does what Python does.

    Positions in arrays are checked where no loop pays for it; random numbers are drawn from the
    generators of Python and NumPy (``draws``).
    """
    try:
        passed = resolve_callable(fn).identities
        is_compiled = any(numba_bridge.dispatcher_function(each) is not None for each in passed)
    except TypeError:
        is_compiled = False
    if is_compiled:
        return {}
    accesses, loops, draws = False, False, False
    for function in (program.entry, *program.callees.values()):
        for statement in visit.walk(function.body):
            match statement:
                case ir.For() | ir.While():
                    loops = True
                case ir.Let(_, ir.Load()) | ir.Store() | ir.Accumulate():
                    accesses = True
                case ir.Let(_, ir.Call(called)) | ir.Effect(called):
                    draws = draws or _is_draw(called)
                case _:
                    pass
    options = {"boundscheck": accesses and not loops, "draws": draws}
    return {name: True for name, given in options.items() if given}


def _is_draw(fn: Any) -> bool:
    return isinstance(getattr(fn, "__self__", None), random.Random | np.random.RandomState)


def _options(fn: Callable[..., Any]) -> dict[str, Any]:
    try:
        return dict(resolve_callable(fn).options)
    except TypeError:
        return {}


def _enter(builder: Builder) -> None:
    builder.frame = bindings.new_frame(builder, _EntryCode(), None, frozenset())


def _call(
    builder: Builder,
    fn: Callable[..., Any],
    root: StaticValue,
    values: list[Value],
    named: dict[str, Value],
    *,
    inline: bool = False,
) -> Value:
    try:
        if inline:
            from numbad.frontend import functions

            value = functions.call_python(builder, root.value, None, values, named, None)
        else:
            value = calls.apply(builder, root, values, named, None)
        return bindings.settled(builder, value)
    except DeadEnd:
        # It raises an exception on every path, and so does the program.
        last = tuple(builder.block.statements[-1:])
        if not any(isinstance(statement, ir.Raise) for statement in visit.walk(last)):
            builder.error(
                None,
                "The function always raises, in a part of it that is walked by itself.",
                "The exception would be lost.",
            )
        return builder.number(0.0)
    except NeedsOpening:
        raise
    except Signal as signal:
        builder.internal_error(f"the signal {signal!r} was not handled")


def _parameter_names(fn: Callable[..., Any], count: int) -> list[str]:
    """Names of the positional parameters, for the generated code."""
    names: list[str] = []
    try:
        callee = resolve_callable(fn)
    except TypeError:
        return [f"x{i}" for i in range(count)]
    if callee.kind in (Kind.PYTHON, Kind.ELEMENTWISE):
        code = callee.function.__code__
        bound = len(callee.args)
        names = [
            name for name in code.co_varnames[bound : code.co_argcount] if name not in callee.kwargs
        ]
        if len(names) < count and code.co_flags & 0x04:
            star = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
            names += [f"{star}{i}" for i in range(count - len(names))]
    return [names[i] if i < len(names) else f"x{i}" for i in range(count)]


def _name(fn: Callable[..., Any]) -> str:
    try:
        target = resolve_callable(fn).target
    except TypeError:
        target = fn
    name = getattr(target, "__name__", type(target).__name__)
    return name if name.isidentifier() else "function"


def _origin(fn: Callable[..., Any]) -> ir.Origin | None:
    try:
        callee = resolve_callable(fn)
        if callee.kind is Kind.PYTHON:
            source = load(callee.target)
            return source.origin(source.node)
    except TypeError:
        pass
    return None


def _finish(
    builder: Builder,
    name: str,
    params: tuple[ir.Var, ...],
    operands: list[ir.Operand],
    fn: Callable[..., Any],
) -> ir.Function:
    body = builder.resolve(builder.block.block())
    results = tuple(builder.resolve_operand(operand) for operand in operands)
    return ir.Function(name, params, body, results, _origin(fn))


def _reachable_callees(builder: Builder, entry: ir.Function) -> dict[str, ir.Function]:
    """The functions that the entry invokes, directly or not, callees first."""
    found: dict[str, ir.Function] = {}
    active: set[str] = set()

    def visit(function: ir.Function) -> None:
        for name in invoked(function):
            if name not in active:
                active.add(name)
                callee = builder.callees[name]
                visit(callee)
                found[name] = callee

    visit(entry)
    return found


def result_tree(builder: Builder, value: Value) -> tuple[Tree, list[ir.Operand]]:
    """Structure of a returned value and the operands of its leaves."""
    operands: list[ir.Operand] = []
    tree = value_tree(builder, bindings.settled(builder, value), operands)
    assert len(list(leaves(tree))) == len(operands)
    return tree, operands


def value_tree(
    builder: Builder,
    value: Value,
    operands: list[ir.Operand],
    special: Callable[[Value], Tree | None] = lambda value: None,
    seen: frozenset[int] = frozenset(),
) -> Tree:
    """Structure of a value; appends the operands of its leaves.

    ``special`` may give the tree of a part in a way of its own.
    """

    def again(item: Value) -> Tree:
        return value_tree(builder, item, operands, special, seen)

    found_tree = special(value)
    if found_tree is not None:
        return found_tree
    match value:
        case OperandValue(operand):
            operands.append(operand)
            return Leaf(operand.type)
        case TupleValue(items, cls):
            return Sequence_(tuple(again(item) for item in items), cls or tuple)
        case StaticValue(found):
            items_ = builder.live.items(value)
            if items_ is not None:
                return Sequence_(tuple(again(item) for item in items_), list)
            if type(found) is dict:
                values = tuple(again(builder.live.item(value, key)) for key in found)
                return Mapping_(tuple(found), values)
            return Static(found)
        case Ref(id):
            if id in seen:
                builder.error(None, "The result contains itself.")
            return _object_tree(builder, builder.state.heap[id], operands, special, seen | {id})
        case Conflict(reason):
            builder.type_error(None, "What is returned depends on the path taken.", reason)
        case OptionalValue(is_none, inner):
            builder.raise_if(is_none, TypeError, "the function returned None")
            return again(inner)
        case RangeValue():
            builder.type_error(None, "A range is returned.", "", "Return a list or an array.")
        case _:
            builder.error(
                None,
                f"The function returns {builder.describe(value)}.",
                "",
                "Return numbers or arrays.",
            )


def _object_tree(
    builder: Builder,
    contents: Any,
    operands: list[ir.Operand],
    special: Callable[[Value], Tree | None],
    seen: frozenset[int],
) -> Tree:
    if isinstance(contents, DynamicList):
        operands.append(contents.operand)
        return Leaf(contents.operand.type)
    items = tuple(value_tree(builder, item, operands, special, seen) for item in contents.items)
    match contents:
        case ListObject():
            return Sequence_(items, list)
        case DictObject(keys):
            return Mapping_(keys, items, contents.cls, contents.factory)
        case RecordObject(cls, names):
            if jitclasses.is_compiled_class(cls):
                builder.error(
                    None,
                    f"An instance of the compiled class `{cls.__name__}` is returned.",
                    "Only Numba makes such objects.",
                    "Return its fields, as numbers and arrays.",
                )
            return Record(cls, names, items)
    builder.internal_error("an object of an unknown kind is returned")
