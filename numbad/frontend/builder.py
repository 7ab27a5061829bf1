"""The builder: one walk over a function by abstract interpretation, emitting typed IR.

This class holds the state of the walk and the helper methods that handlers of functions use
(``numbad/frontend/arrays`` and the builtins). What each kind of statement, expression and call
means is in ``statements``, ``expressions``, ``calls`` ..., as functions of a builder.

For handlers
------------
A handler is ``handler(builder, args: list[Value], kwargs: dict[str, Value], node) -> Value``; it
may return ``NotImplemented`` to be passed over (the call is then treated as if there was no
handler). Handlers emit through ``builder.call``, ``load``, ``store``, ``for_range`` ... into the
current block and return the value of the call.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from numbad import numba_bridge
from numbad.errors import (
    DifferentiationError,
    InternalError,
    TypeInferenceFailed,
    UnsupportedSyntax,
)
from numbad.frontend import (
    attributes,
    bindings,
    calls,
    carrying,
    expressions,
    folding,
    items,
    live,
    loops,
    merging,
    operators,
    sequences,
)
from numbad.frontend.signals import DeadEnd
from numbad.frontend.state import Code, Frame, LoopRecord, State
from numbad.frontend.values import (
    NONE,
    Conflict,
    DictObject,
    DynamicList,
    HeapObject,
    ListObject,
    OperandValue,
    Pending,
    RangeValue,
    RecordObject,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, INT64, Array, List, Scalar, Type
from numbad.ir.visit import Cloner

BodyFunction = Callable[[ir.Var, list[ir.Operand]], Sequence[ir.Operand]]


class Builder:
    """Builds the IR of one program.

    Attributes
    ----------
    session : Session
        Handlers of functions, and which functions have derivative rules.
    block : BlockBuilder
        The block being built.
    state : State
        Bindings of names and contents of objects at this point.
    node : ast.AST
        The expression or statement being walked: the place of errors.
    """

    def __init__(self, session: Any, *, is_rule: bool = False) -> None:
        self.session = session
        self.is_rule = is_rule
        self.fresh = Fresh()
        self.block = BlockBuilder(self.fresh)
        self.state = State({}, {})
        self.frames: dict[int, Frame] = {}
        self.frame: Frame | None = None
        self.node: ast.AST | None = None
        self.site: tuple[Any, ...] = ()
        self.call_stack: list[calls.Activation] = []
        self.live = live.Live(self)
        self.loop_records: dict[Any, LoopRecord] = {}
        self.active_loops: list[loops.ActiveLoop] = []
        self.carryings: dict[int, carrying.Carrying] = {}
        self.ambient: list[set[tuple[int, str]]] = []
        self.consumer: calls.Consumer | None = None
        self.kept_frames: set[int] = set()
        self.lambdas: dict[int, ast.FunctionDef] = {}
        self.nested_codes: dict[int, Code] = {}
        self.definitions: dict[int, ir.Expr] = {}
        self.replacements: dict[ir.Var, ir.Operand] = {}
        self.callees: dict[str, ir.Function] = {}
        self.recursive: dict[Any, Any] = {}
        self.partners: dict[int, set[int]] = {}
        self.born: dict[int, int] = {}
        self.region_depth = 0
        self.is_incomplete = False
        self._next_id = 0

    # --- errors -----------------------------------------------------------------------------

    def error(
        self,
        node: ast.AST | None,
        what: str,
        why: str = "",
        remedy: str = "",
        kind: type[DifferentiationError] = UnsupportedSyntax,
    ) -> NoReturn:
        """Refuse the program: raise ``kind`` at the node (None: where the walk is)."""
        raise kind(what, origin=self.origin(node), why=self._chain(why), remedy=remedy)

    def type_error(
        self, node: ast.AST | None, what: str, why: str = "", remedy: str = ""
    ) -> NoReturn:
        """Refuse the program because something in it has no type."""
        self.error(node, what, why, remedy, TypeInferenceFailed)

    def internal_error(self, what: str) -> NoReturn:
        """Report a broken invariant of the front end."""
        self.error(None, what, kind=InternalError)

    def origin(self, node: ast.AST | None = None) -> ir.Origin | None:
        """Where a node stands in the user's source (None: where the walk is)."""
        node = node if node is not None and hasattr(node, "lineno") else self.node
        if self.frame is None or node is None:
            return None
        return self.frame.code.origin(node)

    def _chain(self, why: str) -> str:
        sites = [activation.origin for activation in self.call_stack if activation.origin]
        if not sites:
            return why
        chain = ", ".join(f"{site} ({site.text})" for site in reversed(sites))
        return f"{why}\nCalled from {chain}." if why else f"Called from {chain}."

    @contextmanager
    def at(self, node: ast.AST | None) -> Iterator[None]:
        """Walk a node: errors raised and statements emitted meanwhile belong to it."""
        outer = self.node
        if node is not None and hasattr(node, "lineno"):
            self.node = node
        try:
            yield
        finally:
            self.node = outer

    # --- emission ---------------------------------------------------------------------------

    def emit(self, statement: ir.Stmt) -> None:
        """Append a statement to the current block."""
        self.block.emit(statement)

    def let(self, type_: Type, expr: ir.Expr, name: str = "") -> ir.Var:
        """Define a new value."""
        var = self.block.let(type_, expr, name)
        self.definitions[var.id] = expr
        return var

    def call(
        self,
        fn: Callable[..., Any],
        *operands: ir.Operand,
        type: Type | None = None,  # noqa: A002
        name: str = "",
    ) -> ir.Operand:
        """Emit ``fn(*operands)`` and return its value; folds constants.

        The result type is asked of Numba unless ``type`` is given. Numba compiles the
        implementations of array functions to type them, which takes seconds for some
        (``np.linalg``): give ``type`` where it is known.
        """
        folded = folding.fold(fn, operands)
        if folded is not None:
            return folded
        result = type if type is not None else self.call_type(fn, *operands)
        if self.is_rule and fn is operator.truediv:
            fn = _divide()
        return self.let(result, ir.Call(fn, tuple(operands)), name)

    def call_type(self, fn: Callable[..., Any], *operands: ir.Operand) -> Type:
        """Type of ``fn(*operands)``; raises TypeInferenceFailed if Numba has none."""
        types = tuple(operand.type for operand in operands)
        result = numba_bridge.call_type(fn, types)
        if result is None:
            shown = ", ".join(map(str, types))
            name = getattr(fn, "__name__", str(fn))
            self.type_error(None, f"`{name}` cannot be applied to ({shown}).")
        return result

    def cast(self, operand: ir.Operand, type_: Type) -> ir.Operand:
        """Convert an operand to a type, as assigning to a variable of the type does."""
        if operand.type == type_:
            return operand
        if isinstance(operand, ir.Undefined):
            return ir.Undefined(type_)
        if isinstance(operand, ir.Const):
            folded = folding.cast(operand, type_)
            if folded is not None:
                return folded
        if type_ == BOOL and isinstance(operand.type, Scalar):
            return self.call(operator.ne, operand, ir.Const(0, INT64))
        if not numba_bridge.can_cast(operand.type, type_):
            self.type_error(None, f"A value of type {operand.type} cannot become {type_}.")
        return self.let(type_, ir.Cast(operand))

    def load(self, array: ir.Var, *index: ir.Operand) -> ir.Var:
        """Emit the load of one element (one integer per dimension; a list has one)."""
        type_ = array.type
        if isinstance(type_, Array):
            return self.let(type_.dtype, ir.Load(array, index))
        assert isinstance(type_, List)
        return self.let(type_.item, ir.Load(array, index))

    def store(self, array: ir.Var, index: Sequence[ir.Operand], value: ir.Operand) -> None:
        """Emit ``array[index] = value`` for one element; the value is cast to the element type."""
        value = self.cast(value, self._item_type(array))
        self.emit(ir.Store(array, tuple(index), value, self.block.origin))

    def accumulate(self, array: ir.Var, index: Sequence[ir.Operand], value: ir.Operand) -> None:
        """Emit ``array[index] += value`` for one element."""
        value = self.cast(value, self._item_type(array))
        self.emit(ir.Accumulate(array, tuple(index), value, self.block.origin))

    def _item_type(self, array: ir.Var) -> Type:
        type_ = array.type
        if isinstance(type_, Array):
            if type_.readonly:
                self.error(
                    None, f"`{array.name or 'the array'}` is read-only.", "", "Copy it first."
                )
            return type_.dtype
        assert isinstance(type_, List)
        return type_.item

    def shape(self, array: ir.Var, axis: int) -> ir.Var:
        """Emit ``array.shape[axis]`` (of a list: its length, axis 0)."""
        return self.let(INT64, ir.Shape(array, axis))

    def alloc(
        self, type_: Array | List, shape: Sequence[ir.Operand], fill: ir.Operand | None = None
    ) -> ir.Var:
        """Emit the allocation of a new array; ``fill`` None leaves it uninitialised."""
        if fill is not None and isinstance(type_, Array):
            fill = self.cast(fill, type_.dtype)
        return self.let(type_, ir.Alloc(tuple(shape), fill))

    def effect(self, fn: Callable[..., Any], *operands: ir.Operand) -> None:
        """Emit a call for its effect on the outside world."""
        self.emit(ir.Effect(fn, tuple(operands), self.block.origin))

    def raise_if(self, condition: ir.Operand, exception: type[BaseException], message: str) -> None:
        """Emit ``if condition: raise exception(message)``."""
        if isinstance(condition, ir.Const) and not condition.value:
            return
        args = (ir.Const(message, numba_bridge.string_type()),)
        failure = ir.Raise(exception, args, self.block.origin)
        self.emit(ir.If(condition, (failure,), (), (), self.block.origin))

    def raise_now(self, exception: type[BaseException], message: str) -> NoReturn:
        """Emit ``raise exception(message)``: what follows on this path is not walked."""
        args = (ir.Const(message, numba_bridge.string_type()),)
        self.emit(ir.Raise(exception, args, self.block.origin))
        raise DeadEnd

    @contextmanager
    def nested(self) -> Iterator[BlockBuilder]:
        """Emit into a new block for the duration; yields it."""
        outer = self.block
        self.block = outer.nested()
        self.region_depth += 1
        try:
            yield self.block
        finally:
            self.block = outer
            self.region_depth -= 1

    def write(self) -> None:
        """Announce that memory is about to change: array expressions that wait are evaluated."""
        bindings.settle_pending(self)

    def name_operand(self, operand: ir.Operand, name: str) -> ir.Operand:
        """Give a value that was just defined the user's name for it."""
        statements = self.block.statements
        if not isinstance(operand, ir.Var) or operand.name or not statements:
            return operand
        last = statements[-1]
        if isinstance(last, ir.Let) and last.target.id == operand.id:
            named = ir.Var(operand.id, operand.type, name)
            statements[-1] = ir.Let(named, last.expr, last.origin)
            return named
        return operand

    # --- control flow for handlers ----------------------------------------------------------

    def for_range(
        self,
        start: ir.Operand,
        stop: ir.Operand,
        step: ir.Operand,
        body: BodyFunction,
        carried: Sequence[ir.Operand] = (),
        names: Sequence[str] = (),
        index_name: str = "",
    ) -> list[ir.Var]:
        """Emit ``for index in range(start, stop, step)`` and return the carried values after it.

        ``body(index, inner)`` emits the body; it gets the carried values of the iteration and
        returns those of the next one, which are cast to the types of ``carried``. The body may
        not change bindings of the user's names or objects.
        """
        index = self.fresh.var(INT64, index_name)
        labels = list(names) + [""] * (len(carried) - len(names))
        inner = [
            self.fresh.var(init.type, label) for init, label in zip(carried, labels, strict=True)
        ]
        with self.nested() as block:
            following = body(index, list(inner))
            if len(following) != len(inner):
                self.internal_error("a loop body returned the wrong number of carried values")
            nexts = [
                self.cast(value, var.type) for value, var in zip(following, inner, strict=True)
            ]
        results = [self.fresh.var(var.type, var.name) for var in inner]
        parts = tuple(
            ir.Carried(*part) for part in zip(inner, carried, nexts, results, strict=True)
        )
        self.emit(ir.For(index, start, stop, step, parts, block.block(), self.block.origin))
        return results

    def if_else(
        self,
        condition: ir.Operand,
        then: Callable[[], Sequence[ir.Operand]],
        orelse: Callable[[], Sequence[ir.Operand]],
    ) -> list[ir.Operand]:
        """Emit a branch; both functions emit their side and return as many operands.

        The results have the unified types. A constant condition picks its side.
        """

        def wrap(side: Callable[[], Sequence[ir.Operand]]) -> Callable[[], Value]:
            return lambda: TupleValue(tuple(OperandValue(operand) for operand in side()))

        merged = merging.branch(self, condition, wrap(then), wrap(orelse))
        assert isinstance(merged, TupleValue)
        return [self.as_operand(item) for item in merged.items]

    def branch(
        self, condition: ir.Operand, then: Callable[[], Value], orelse: Callable[[], Value]
    ) -> Value:
        """Emit a branch whose sides may do anything; returns the merged value."""
        return merging.branch(self, condition, then, orelse)

    # --- values -----------------------------------------------------------------------------

    def constant(self, value: bool | int | float | complex) -> ir.Const:
        """Return the constant for a Python number, of the type Numba gives it."""
        type_ = numba_bridge.constant_type(value)
        if type_ is None:
            self.type_error(None, f"The integer {value} does not fit 64 bits.")
        return ir.Const(value, type_)

    def number(self, value: bool | int | float | complex) -> OperandValue:
        """Return the value for a Python number."""
        return OperandValue(self.constant(value))

    def static(self, value: Any) -> Value:
        """Return the value for any Python object known while building."""
        return live.constant_value(self, value)

    def as_static(self, value: Value, what: str = "This") -> Any:
        """Return the Python object that a value is known to be; an error if it is not known.

        An integer read from a global or closure cell counts as known: the program then depends on
        its value. The index of a loop with constant bounds makes the loop be unrolled.
        """
        return sequences.as_static(self, value, what)

    def is_static(self, value: Value) -> bool:
        """Whether ``as_static`` would succeed without consequences."""
        return sequences.is_static(self, value)

    def as_operand(self, value: Value, node: ast.AST | None = None) -> ir.Operand:
        """Return the operand of a value: a scalar, an array, or a list of the IR."""
        return sequences.as_operand(self, value, node)

    def as_scalar(self, value: Value, node: ast.AST | None = None) -> ir.Operand:
        """Return the operand of a scalar."""
        operand = self.as_operand(value, node)
        if not isinstance(operand.type, Scalar):
            self.type_error(node, f"A number is needed here, not {operand.type}.")
        return operand

    def as_index(self, value: Value, node: ast.AST | None = None) -> ir.Operand:
        """Return the operand of an integer used as an index or length, as INT64."""
        operand = self.as_scalar(value, node)
        name = operand.type.name if isinstance(operand.type, Scalar) else ""
        if not name.startswith(("int", "uint", "bool")):
            self.type_error(node, f"An integer is needed here, not {operand.type}.")
        return self.cast(operand, INT64)

    def as_sequence(self, value: Value) -> tuple[Value, ...] | None:
        """Items of a tuple, or of a list whose length is known; None for anything else."""
        return sequences.items_of(self, value)

    def as_condition(self, value: Value, node: ast.AST | None = None) -> ir.Operand:
        """Return the truth value as a BOOL operand, constant if known."""
        return operators.truth(self, value, node)

    def tuple(self, items_: Sequence[Value]) -> TupleValue:
        """Return a tuple value."""
        return TupleValue(tuple(items_))

    def new_list(self, items_: Sequence[Value]) -> Ref:
        """Return a new list with the items."""
        return self.new_object(ListObject(tuple(items_)))

    def new_object(self, contents: HeapObject) -> Ref:
        """Put an object on the heap."""
        ref = Ref(self.next_id())
        self.state.heap[ref.id] = contents
        self.born[ref.id] = self.region_depth
        return ref

    def object(self, ref: Ref) -> HeapObject:
        """Return the present contents of an object."""
        return self.state.heap[ref.id]

    def add_partners(self, id_: int, others: set[int]) -> None:
        """Note that an object stands for others, depending on the path taken."""
        others = others - {id_}
        self.partners.setdefault(id_, set()).update(others)
        for other in others:
            self.partners.setdefault(other, set()).add(id_)

    def check_mutable(self, ref: Ref, node: ast.AST | None) -> None:
        """Refuse to change an object that belongs to the caller or may be one of several."""
        contents = self.state.heap[ref.id]
        if isinstance(contents, DynamicList):
            return
        if contents.external:
            self.error(
                node,
                f"{sequences.sentence(self.describe(Ref(ref.id)))} that was passed in is changed.",
                "Compiled code cannot change Python objects of the caller.",
                "Make a copy and return it, or use an array.",
            )
        partners = self.partners.get(ref.id, set())
        if contents.shared and not partners or partners & merging.reachable(self.state):
            self.error(
                node,
                f"{sequences.sentence(self.describe(Ref(ref.id)))} is changed that may be one of "
                "several objects.",
                "Which object a name refers to depends on the path taken, and another name still "
                "refers to one of them.",
                "Make a new object instead of changing this one.",
            )

    # --- loops --------------------------------------------------------------------------------

    def loop_record(self, node: ast.AST | None) -> LoopRecord:
        """Return what is remembered of a loop from earlier walks of it."""
        if node is None:
            return LoopRecord()
        return self.loop_records.setdefault((self.site, id(node)), LoopRecord())

    def need(self, pending: Pending, template: Any = None) -> None:
        """Note that a name's value from an earlier iteration is needed."""
        carrying_ = self.carryings.get(pending.loop)
        if carrying_ is not None:
            carrying_.need(pending, template)

    def note(self, pending: Pending, template: Any) -> None:
        """Note what a pending name holds somewhere in the body."""
        carrying_ = self.carryings.get(pending.loop)
        if carrying_ is not None:
            carrying_.note(pending, template)

    # --- the finished program -----------------------------------------------------------------

    def resolve_operand(self, operand: ir.Operand) -> ir.Operand:
        """Follow the replacements of carried values that turned out not to change."""
        while isinstance(operand, ir.Var) and operand in self.replacements:
            operand = self.replacements[operand]
        return operand

    def resolve(self, block: ir.Block) -> ir.Block:
        """Apply the replacements to a block."""
        return _Resolver(self).block(block)

    def next_id(self) -> int:
        """Return a number for a frame or object, used once."""
        self._next_id += 1
        return self._next_id

    def describe(self, value: Value) -> str:
        """Return a short description of a value for messages."""
        return sequences.describe(self, value)

    # --- Python semantics -------------------------------------------------------------------

    def apply(
        self,
        function: Value,
        args: Sequence[Value],
        kwargs: dict[str, Value] | None = None,
        node: ast.AST | None = None,
    ) -> Value:
        """Call a value with values, as Python does."""
        return calls.apply(self, function, list(args), kwargs or {}, node)

    def inline(
        self,
        function: Callable[..., Any],
        args: Sequence[Value],
        kwargs: dict[str, Value] | None = None,
        node: ast.AST | None = None,
    ) -> Value:
        """Walk a plain Python function (a decomposition) with values as arguments."""
        return calls.apply(self, StaticValue(function), list(args), kwargs or {}, node)

    def binary(
        self, fn: Callable[..., Any], left: Value, right: Value, node: ast.AST | None = None
    ) -> Value:
        """Apply a binary operator or comparison (``operator.add``, ``operator.lt`` ...)."""
        return operators.binary(self, fn, left, right, node)

    def unary(self, fn: Callable[..., Any], value: Value, node: ast.AST | None = None) -> Value:
        """Apply a unary operator (``operator.neg``, ``operator.not_`` ...)."""
        return operators.unary(self, fn, value, node)

    def getitem(self, value: Value, index: Value, node: ast.AST | None = None) -> Value:
        """Return ``value[index]``."""
        return items.getitem(self, value, index, node)

    def setitem(
        self, target: Value, index: Value, value: Value, node: ast.AST | None = None
    ) -> None:
        """Do ``target[index] = value``."""
        items.setitem(self, target, index, value, node)

    def attribute(self, value: Value, name: str, node: ast.AST | None = None) -> Value:
        """Return ``value.name``."""
        return attributes.getattr_(self, value, name, node)

    def iterate(
        self, iterable: Value, body: Callable[[Value], None], node: ast.AST | None = None
    ) -> None:
        """Run ``body(item)`` for each item of anything iterable; ``body`` may bind names."""
        loops.iterate(self, iterable, body, node)

    def length(self, value: Value, node: ast.AST | None = None) -> ir.Operand:
        """Return ``len(value)`` as an INT64 operand."""
        return sequences.length(self, value, node)

    def evaluate(self, node: ast.expr) -> Value:
        """Evaluate an expression of the function being walked."""
        return expressions.evaluate(self, node)


class _Resolver(Cloner):
    """Replaces operands and keeps definitions."""

    def __init__(self, builder: Builder) -> None:
        super().__init__(builder.fresh)
        self.builder = builder

    def operand(self, operand: ir.Operand) -> ir.Operand:
        """Return the replacement of an operand."""
        return self.builder.resolve_operand(operand)

    def define(self, var: ir.Var) -> ir.Var:
        """Keep a definition as it is."""
        return var


def _divide() -> Callable[..., Any]:
    from numbad.kernels.arithmetic import divide

    return divide


__all__ = [
    "NONE",
    "Builder",
    "Code",
    "Conflict",
    "DictObject",
    "DynamicList",
    "Pending",
    "RangeValue",
    "RecordObject",
]
