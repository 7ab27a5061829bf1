"""Names: where a name is found, and what binding one does.

A name is looked up in the frame being walked, then in the frames that enclose its definition, then
among the live values (closure cells, globals, builtins) of the outermost of these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbad.frontend.names import RESULT, THROWN, hint, is_introduced
from numbad.frontend.signals import Skip, Thrown
from numbad.frontend.state import Code, Frame, updated_names
from numbad.frontend.values import Conflict, OperandValue, Pending, TupleValue, Value
from numbad.ir.types import Array, Scalar, Tuple, Type

if TYPE_CHECKING:
    import ast

    from numbad.frontend.builder import Builder


def lookup(builder: Builder, name: str, node: ast.AST | None = None) -> Value:
    """Return the value of a name."""
    frame = builder.frame
    assert frame is not None
    if name == THROWN:
        from numbad.frontend.attempts import is_thrown

        return OperandValue(is_thrown(builder))
    while True:
        if name in frame.locals or name in builder.state.frames[frame.id]:
            return _bound(builder, frame, name, node)
        if frame.parent is None or (
            not frame.is_comprehension and name in frame.code.scope.globals
        ):
            break
        frame = builder.frames[frame.parent]
    value = builder.live.name(frame.code, name)
    if value is None:
        builder.error(node, f"The name `{name}` is not defined.")
    return value


def _bound(builder: Builder, frame: Frame, name: str, node: ast.AST | None) -> Value:
    value = builder.state.frames.get(frame.id, {}).get(name)
    match value:
        case None if name == RESULT and builder.attempt is not None:
            raise Thrown
        case None:
            builder.error(
                node,
                f"`{hint(name)}` is read before it is bound.",
                "No path of the program binds it before this place.",
            )
        case Pending():
            builder.need(value)
            raise Skip
        case Conflict(reason):
            builder.type_error(
                node,
                f"What `{hint(name)}` holds here depends on the path taken.",
                reason,
                "Use a different name on each path, or values of one type.",
            )
        case _:
            return value


def home(builder: Builder, name: str) -> Frame:
    """Return the frame in which assigning to a name binds it."""
    frame = builder.frame
    assert frame is not None
    while name not in frame.locals and frame.parent is not None:
        if not frame.is_comprehension and name in frame.code.scope.globals:
            break
        frame = builder.frames[frame.parent]
    return frame


def frame_names(builder: Builder, names: frozenset[str]) -> set[tuple[int, str]]:
    """Pair names with the frames that assigning to them would bind them in.

    Globals and closure cells of the outermost function are objects instead.
    """
    homes = ((home(builder, name), name) for name in names)
    return {(frame.id, name) for frame, name in homes if not _is_outside(frame, name)}


def rebound_names(
    builder: Builder, names: frozenset[str], nodes: list[ast.stmt]
) -> set[tuple[int, str]]:
    """``frame_names`` without those of arrays that the statements only update in place."""
    kept = frame_names(builder, names)
    updated = updated_names(nodes)
    return {
        (frame, name)
        for frame, name in kept
        if not (name in updated and _is_array(builder.state.frames[frame].get(name)))
    }


def _is_array(value: Any) -> bool:
    return type(value) is OperandValue and isinstance(value.type, Array) and value.type.ndim > 0


def assign(builder: Builder, name: str, value: Value, node: ast.AST | None = None) -> None:
    """Bind a name."""
    frame = home(builder, name)
    value = settled(builder, value, hint(name))
    if _is_outside(frame, name):
        builder.live.assign(frame.code, name, value)
        return
    if name in frame.code.declared:
        value = converted(builder, value, frame.code.declared[name])
    if isinstance(value, OperandValue) and not is_introduced(name):
        value = OperandValue(builder.name_operand(value.operand, name))
    builder.state.frames[frame.id][name] = value


def _is_outside(frame: Frame, name: str) -> bool:
    """Whether a name that is assigned is a global or a cell of the outermost function."""
    scope = frame.code.scope
    if frame.is_comprehension or name in frame.locals:
        return False
    return name in scope.globals or (name in scope.nonlocals and name in frame.code.cells)


def converted(builder: Builder, value: Value, type_: Type) -> Value:
    """Return a number as a number of the given type; other values as they are."""
    if isinstance(value, OperandValue) and isinstance(type_, Scalar):
        return OperandValue(builder.cast(value.operand, type_))
    if isinstance(value, TupleValue) and isinstance(type_, Tuple):
        pairs = zip(value.items, type_.items, strict=True)
        return TupleValue(tuple(converted(builder, *pair) for pair in pairs), value.cls)
    return value


def settled(builder: Builder, value: Value, name: str = "") -> Value:
    """Return the value with array expressions evaluated, now."""
    if type(value) is OperandValue:
        return value
    if isinstance(value, OperandValue):
        from numbad.frontend.arrays.lazy import settle

        return settle(builder, value, name)
    if isinstance(value, TupleValue) and any(
        type(item) is not OperandValue for item in value.items
    ):
        return TupleValue(tuple(settled(builder, item) for item in value.items), value.cls)
    return value


def settle_pending(builder: Builder) -> None:
    """Evaluate array expressions that still wait: memory may change, or a region begins."""
    from numbad.frontend.arrays.lazy import settle_pending as settle_all

    settle_all(builder)


class Accumulator:
    """A hidden name, by which handlers carry a value through ``Builder.iterate``."""

    def __init__(self, builder: Builder, value: Value) -> None:
        assert builder.frame is not None
        self.builder = builder
        self.frame = builder.frame.id
        self.name = f".accumulator{builder.next_id()}"
        self.set(value)

    def get(self) -> Value:
        """Return the present value."""
        value = self.builder.state.frames[self.frame][self.name]
        match value:
            case Pending():
                self.builder.need(value)
                raise Skip
            case Conflict(reason):
                self.builder.type_error(None, "The items cannot be combined.", reason)
            case _:
                return value

    def set(self, value: Value) -> None:
        """Replace the value."""
        self.builder.state.frames[self.frame][self.name] = settled(self.builder, value)

    def pop(self) -> Value:
        """Return the value and forget it."""
        value = self.get()
        del self.builder.state.frames[self.frame][self.name]
        return value


def new_frame(
    builder: Builder,
    code: Code,
    parent: int | None,
    names: frozenset[str],
    *,
    is_comprehension: bool = False,
) -> Frame:
    """Make a frame with no names bound."""
    frame = Frame(builder.next_id(), code, parent, names, is_comprehension)
    builder.frames[frame.id] = frame
    builder.state.frames[frame.id] = {}
    return frame


def hint_of(name: str) -> str:
    """Return the name for generated code of what a name holds; empty for hidden names."""
    return "" if name.startswith(".accumulator") else hint(name)


def consume(builder: Builder, token: int, node: ast.AST | None) -> None:
    """Note that an iterator runs now, which it does only once; its frame is gone afterwards."""
    if token not in builder.state.frames:
        builder.error(
            node,
            "An iterator is consumed a second time.",
            "It has no items left then.",
            "Make it again, or a list of it first.",
        )
