"""Which values are alive together, so that they may not share a Python name.

A value interferes with every value that is still needed just after it is assigned, except with the
value it is a copy of. Assignments are the printed ones: definitions, the copies that enter,
continue and leave loops, and those that end the branches of an ``If``. Copies that stand together
happen at once. A copy that leaves a value undefined assigns it only where it is given a zero. Sets
of values are bit masks over the values' positions in order of definition.
"""

from __future__ import annotations

from typing import assert_never

from numbad.emit.folding import Plan
from numbad.ir import nodes as ir
from numbad.ir.visit import definitions, expr_operands, operands


class Interference:
    """The interference relation of one function.

    Attributes
    ----------
    order : position of every value that needs a name, by order of definition
    rows : for each position, mask of the values found to interfere (one direction is enough)
    unneeded : results of loops and branches that nobody reads afterwards; they are not assigned
    without_value : values that a copy leaves undefined, each with the mask of those needed then
    """

    def __init__(
        self, function: ir.Function, plan: Plan, given_zero: frozenset[ir.Var] = frozenset()
    ) -> None:
        self.plan = plan
        self.given_zero = given_zero
        self.without_value: list[tuple[ir.Var, int]] = []
        self.order: dict[ir.Var, int] = {}
        self.rows: list[int] = []
        self.unneeded: set[ir.Var] = set()
        self._folded: dict[ir.Var, int] = {}
        self._free: dict[int, int] = {}
        for param in function.params:
            self._number(param)
        self._number_block(function.body)
        self._summarise(function.body)
        live = self._block(function.body, self._uses(function.results))
        for param in function.params:
            live |= self._bit(param)
        for param in function.params:
            self._assign(param, live)

    # --- numbering ----------------------------------------------------------------------------

    def _number(self, var: ir.Var) -> None:
        if var not in self.order and var not in self.plan.folded:
            self.order[var] = len(self.rows)
            self.rows.append(0)

    def _number_block(self, block: ir.Block) -> None:
        for statement in block:
            match statement:
                case ir.Let(target):
                    for unpacked in self.plan.unpacked.get(target, ()):
                        if unpacked is not None:
                            self._number(unpacked)
                    if target not in self.plan.absent and target not in self.plan.unpacked:
                        self._number(target)
                case ir.For(index, carried=carried, body=body):
                    for item in carried:
                        self._number(item.inner)
                    self._number(index)
                    self._number_block(body)
                case ir.While(carried, before, _, body):
                    for item in carried:
                        self._number(item.inner)
                    self._number_block(before)
                    self._number_block(body)
                case ir.If(then=then, orelse=orelse):
                    self._number_block(then)
                    self._number_block(orelse)
                case _:
                    pass
            for var in definitions(statement):
                if not isinstance(statement, ir.Let):
                    self._number(var)

    def _bit(self, var: ir.Var) -> int:
        return 1 << self.order[var]

    def _bits(self, values: tuple[ir.Var, ...]) -> int:
        mask = 0
        for var in values:
            mask |= 1 << self.order[var]
        return mask

    def mask(self, operand: ir.Operand) -> int:
        """Return the named values that printing the operand reads."""
        if not isinstance(operand, ir.Var):
            return 0
        if operand in self.plan.folded:
            known = self._folded.get(operand)
            if known is None:
                known = self._uses(expr_operands(self.plan.folded[operand]))
                self._folded[operand] = known
            return known
        return 1 << self.order[operand]

    def _uses(self, values: tuple[ir.Operand, ...]) -> int:
        mask = 0
        for value in values:
            mask |= self.mask(value)
        return mask

    # --- values that loops read from outside --------------------------------------------------

    def _summarise(self, block: ir.Block) -> tuple[int, int]:
        """Return the masks of values read and defined in the block; note each loop's free ones."""
        used = defined = 0
        for statement in block:
            if isinstance(statement, ir.Let) and self._is_silent(statement.target):
                continue
            used |= self._uses(operands(statement))
            match statement:
                case ir.Let(target):
                    defined |= self._bits(self._targets(target))
                case ir.For(index, carried=carried, body=body):
                    inside, local = self._summarise(body)
                    inside |= self._uses(tuple(item.next for item in carried))
                    local |= self._bit(index) | self._bits(tuple(i.inner for i in carried))
                    self._free[id(statement)] = inside & ~local
                    used |= inside
                    defined |= local
                case ir.While(carried, before, condition, body):
                    inside, local = self._summarise(before + body)
                    inside |= self._uses((condition, *(item.next for item in carried)))
                    local |= self._bits(tuple(i.inner for i in carried))
                    self._free[id(statement)] = inside & ~local
                    used |= inside
                    defined |= local
                case ir.If(then=then, orelse=orelse, merges=merges):
                    inside, local = self._summarise(then + orelse)
                    inside |= self._uses(tuple(v for m in merges for v in (m.if_true, m.if_false)))
                    used |= inside
                    defined |= local
                case _:
                    pass
            if not isinstance(statement, ir.Let):
                defined |= self._bits(definitions(statement))
        return used, defined

    def _is_silent(self, target: ir.Var) -> bool:
        return target in self.plan.absent or target in self.plan.folded

    def _targets(self, target: ir.Var) -> tuple[ir.Var, ...]:
        """Return the values that the statement defining ``target`` binds."""
        if target in self.plan.unpacked:
            return tuple(item for item in self.plan.unpacked[target] if item is not None)
        return (target,)

    # --- backward walk ------------------------------------------------------------------------

    def _assign(self, var: ir.Var, live: int, source: ir.Operand | None = None) -> None:
        """Note that ``var`` is assigned where ``live`` is needed afterwards."""
        position = self.order[var]
        others = live & ~(1 << position)
        if isinstance(source, ir.Var) and source in self.order:
            others &= ~(1 << self.order[source])
        self.rows[position] |= others

    def _copies(self, copies: list[tuple[ir.Var, ir.Operand]], live: int) -> int:
        """Walk back over simultaneous copies to those targets that are needed afterwards."""
        needed = [(target, source) for target, source in copies if live & self._bit(target)]
        self.unneeded.update(target for target, _ in copies if not live & self._bit(target))
        before = live
        for target, _ in needed:
            before &= ~self._bit(target)
        for target, source in needed:
            if not isinstance(source, ir.Undefined):
                self._assign(target, live, source)
            elif target in self.given_zero:
                self._assign(target, live)
            else:
                self.without_value.append((target, before))
        return before | self._uses(tuple(source for _, source in needed))

    def _block(self, block: ir.Block, live: int) -> int:
        """Return what is needed before the block, given what is needed after it."""
        for statement in reversed(block):
            live = self._statement(statement, live)
        return live

    def _statement(self, statement: ir.Stmt, live: int) -> int:
        match statement:
            case ir.Let(target, expr):
                if self._is_silent(target):
                    return live
                targets = self._targets(target)
                live |= self._bits(targets)
                for var in targets:
                    self._assign(var, live)
                return (live & ~self._bits(targets)) | self._uses(expr_operands(expr))
            case ir.Raise():
                return self._uses(operands(statement))
            case ir.Store() | ir.Accumulate() | ir.Append() | ir.Effect():
                return live | self._uses(operands(statement))
            case ir.If(condition, then, orelse, merges):
                live_then = self._copies([(m.result, m.if_true) for m in merges], live)
                live_else = self._copies([(m.result, m.if_false) for m in merges], live)
                inside = self._block(then, live_then) | self._block(orelse, live_else)
                return inside | self.mask(condition)
            case ir.For(index, start, stop, step, carried, body):
                through, inner, _ = self._around(statement, carried, live)
                head = through | inner
                end = self._copies([(c.inner, c.next) for c in carried], head)
                entry = self._block(body, end)
                self._assign(index, entry | self._bit(index))
                bounds = self._uses((start, stop, step))
                return self._copies([(c.inner, c.init) for c in carried], head | bounds)
            case ir.While(carried, before, condition, body):
                through, inner, after = self._around(statement, carried, live)
                head = through | inner
                end = self._copies([(c.inner, c.next) for c in carried], head)
                entry = self._block(body, end)
                self._block(before, entry | after | self.mask(condition))
                return self._copies([(c.inner, c.init) for c in carried], head)
            case _:
                assert_never(statement)

    def _around(
        self, loop: ir.For | ir.While, carried: tuple[ir.Carried, ...], live: int
    ) -> tuple[int, int, int]:
        """Walk back over the copies that leave a loop.

        Returns the outer values that are needed throughout it, its inner values, and all that is
        needed when it ends.
        """
        after = self._copies([(c.result, c.inner) for c in carried], live)
        inner = self._bits(tuple(c.inner for c in carried))
        return (after & ~inner) | self._free[id(loop)], inner, after
