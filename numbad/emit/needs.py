"""What has to be known of a function before its text is written: outside names, missing values."""

from __future__ import annotations

from typing import Any

from numbad.emit.folding import Plan
from numbad.emit.names import Names, assign_names
from numbad.emit.references import References
from numbad.ir import nodes as ir
from numbad.ir.types import Tuple
from numbad.ir.visit import operands, region_results, walk

RESERVED = frozenset(
    {
        *("abs", "bool", "complex", "float", "int", "len", "max", "min", "pow", "print", "range"),
        *("cmath", "math", "njit", "np", "operator", "round", "slice", "tuple"),
        *("divide", "empty", "irange", "new_stack", "release", "reserve"),
        *("reserve_zeroed", "tape", "zeros"),
    }
)
"""Names that mean something in every generated module, so that no variable takes them."""


def collect_references(function: ir.Function, references: References) -> None:
    """Settle the names of all that the function refers to, so that its variables avoid them."""
    for statement in walk(function.body):
        match statement:
            case ir.Let(_, ir.Call(fn, args)) | ir.Effect(fn, args):
                if _needs_name(fn):
                    references.text(references.substitute(fn, args))
            case ir.Raise(exception):
                references.text(exception)
            case ir.Let(target, ir.MakeTuple()) if isinstance(target.type, Tuple):
                if target.type.cls is not None:
                    references.text(target.type.cls)
            case _:
                pass
        for operand in operands(statement) + region_results(statement):
            if isinstance(operand, ir.Const) and not _is_plain(operand.value):
                references.text(operand.value)


def _needs_name(fn: Any) -> bool:
    return getattr(fn, "__module__", "") != "_operator" and not hasattr(fn, "__objclass__")


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | bool | int | float | complex | tuple)


def name_values(function: ir.Function, plan: Plan, reserved: set[str]) -> tuple[Names, set[str]]:
    """Choose the names of the function's values, and tell which of them are first given a zero.

    A value that a copy leaves undefined may share its name with one that is needed at that time,
    as where a loop assigns what was computed in front of it. If such a name has to be given a zero
    there, the zero would be read in place of the other value, and the names are chosen again.
    """
    given_zero: frozenset[ir.Var] = frozenset()
    while True:
        names = assign_names(function, plan, reserved, given_zero)
        zeros = names_without_value(function, plan, names)
        overwriting = {var for var in names.shared if names.name[var] in zeros}
        if not overwriting:
            return names, zeros
        given_zero |= overwriting


def names_without_value(function: ir.Function, plan: Plan, names: Names) -> set[str]:
    """Return the names that need a value on paths where the program gives them none.

    They are those that no path assigns, and those that a copy or an expression reads although some
    path leaves them unassigned.
    """
    assigned = {names.name[param] for param in function.params}
    unassigned: set[str] = set()
    copied: set[str] = set()
    for statement in walk(function.body):
        copies: list[tuple[ir.Var, ir.Operand]] = []
        match statement:
            case ir.Let(target):
                for item in plan.unpacked.get(target, (target,)):
                    if item in names.name:
                        assigned.add(names.name[item])
            case ir.For(carried=carried) | ir.While(carried=carried):
                if isinstance(statement, ir.For):
                    assigned.add(names.name[statement.index])
                copies += [(c.inner, c.init) for c in carried]
                copies += [(c.inner, c.next) for c in carried]
                copies += [(c.result, c.inner) for c in carried]
            case ir.If(merges=merges):
                copies += [(m.result, v) for m in merges for v in (m.if_true, m.if_false)]
            case _:
                pass
        for target, source in copies:
            if target in names.unneeded:
                continue
            name = names.name[target]
            if isinstance(source, ir.Undefined):
                unassigned.add(name)
            elif isinstance(source, ir.Var) and source in names.name:
                if names.name[source] != name:
                    copied.add(names.name[source])
                    assigned.add(name)
            else:
                assigned.add(name)
    read = {names.name[var] for var in _read_without_value(function) if var in names.name}
    return {name for name in unassigned if name in copied or name not in assigned} | read


def _read_without_value(function: ir.Function) -> set[ir.Var]:
    """Return the variables that expressions read and that have no value on some path."""
    missing: set[ir.Var] = set()
    copies: list[tuple[ir.Var, ir.Operand]] = []
    for statement in walk(function.body):
        match statement:
            case ir.For(carried=carried) | ir.While(carried=carried):
                for item in carried:
                    copies += [(item.inner, item.init), (item.inner, item.next)]
                    copies.append((item.result, item.inner))
            case ir.If(merges=merges):
                copies += [(m.result, v) for m in merges for v in (m.if_true, m.if_false)]
            case _:
                pass
    size = -1
    while size != len(missing):
        size = len(missing)
        missing |= {
            target
            for target, value in copies
            if isinstance(value, ir.Undefined) or value in missing
        }
    if not missing:
        return missing
    read: set[ir.Var] = set()
    for statement in walk(function.body):
        if not isinstance(statement, ir.For | ir.While | ir.If):
            read.update(o for o in operands(statement) if isinstance(o, ir.Var) and o in missing)
    return read
