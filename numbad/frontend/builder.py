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
from collections.abc import Callable, Sequence
from typing import Any

from numbad.frontend import (
    attempts,
    attributes,
    bindings,
    calls,
    carrying,
    expressions,
    generators,
    items,
    live,
    loops,
    merging,
    operators,
    powers,
    sequences,
)
from numbad.frontend.emitter import Emitter
from numbad.frontend.state import Code, Frame, LoopRecord, State
from numbad.frontend.values import (
    External,
    HeapObject,
    ListObject,
    OperandValue,
    Pending,
    Ref,
    StaticValue,
    TupleValue,
    Value,
)
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, Scalar
from numbad.ir.visit import Cloner


class Builder(Emitter):
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
    is_compiled : bool
        Whether the function being walked is one that Numba compiles, or called by one.
    """

    def __init__(self, session: Any, *, is_rule: bool = False) -> None:
        super().__init__(is_rule=is_rule)
        self.session = session
        self.state = State({}, {})
        self.frames: dict[int, Frame] = {}
        self.site: tuple[Any, ...] = ()
        self.live = live.Live(self)
        self.loop_records: dict[Any, LoopRecord] = {}
        self.active_loops: list[loops.ActiveLoop] = []
        self.not_negative: set[int] = set()
        self.carryings: dict[int, carrying.Carrying] = {}
        self.ambient: list[set[tuple[int, str]]] = []
        self.consumer: generators.Consumer | None = None
        self.kept_frames: set[int] = set()
        self.lambdas: dict[int, ast.FunctionDef] = {}
        self.nested_codes: dict[int, Code] = {}
        self.replacements: dict[ir.Var, ir.Operand] = {}
        self.callees: dict[str, ir.Function] = {}
        self.recursive: dict[Any, Any] = {}
        self.partners: dict[int, set[int]] = {}
        self.born: dict[int, int] = {}
        self.external: dict[int, External] = {}
        self.attempt: attempts.Context | None = None
        self.handling: attempts.Handling | None = None
        self.guarded_attempts: set[Any] = set()
        self.thrown_codes: list[tuple[type[BaseException], tuple[ir.Operand, ...]]] = []
        self.raises_on_zero = True
        self.is_compiled = False
        self.tables: dict[Any, Any] = {}
        self.is_incomplete = False
        self.nest_level = 1
        self._next_id = 0

    def checkpoint(self) -> Callable[[], None]:
        """Return a function that takes back what has been walked in this block since."""
        state, block, mark = self.state.copy(), self.block, len(self.block.statements)

        def take_back() -> None:
            self.state = state
            del block.statements[mark:]

        return take_back

    def write(self) -> None:
        """Announce that memory is about to change: array expressions that wait are evaluated."""
        bindings.settle_pending(self)

    def throw(self, exception: type[BaseException], args: Sequence[ir.Operand]) -> bool:
        """Throw to a handler of the program around this place; False if there is none."""
        return attempts.throw(self, exception, args)

    # --- control flow for handlers ----------------------------------------------------------

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
            whole = powers.whole(self, operand)
            if whole is not None:
                return whole
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
        for other in tuple(others):
            others = others | self.partners.get(other, set())
        others = others - {id_}
        self.partners.setdefault(id_, set()).update(others)
        for other in others:
            self.partners.setdefault(other, set()).add(id_)

    def check_mutable(self, ref: Ref, node: ast.AST | None) -> None:
        """Refuse to change an object that may be one of several."""
        contents = self.state.heap[ref.id]
        partners = self.partners.get(ref.id, set())
        visible = set(merging.references(self.state)) | self.external.keys()
        if contents.shared or partners & visible:
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
