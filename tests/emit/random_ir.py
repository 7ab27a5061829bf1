"""Random well-formed IR programs that are hard to print: few names, many versions, swaps, merges.

All values stay small and finite, loops are short, so that a program runs in microseconds.
"""

from __future__ import annotations

import operator
import random

from numbad.ir import nodes as ir
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import BOOL, FLOAT64, INT64, Array, Scalar

NAMES = ("", "", "x", "y", "x_bar", "t0", "i")
LENGTH = 5
VECTOR = Array(FLOAT64, 1, "C")

Scope = list[ir.Var]


class RandomProgram:
    """A generator of one program; the same seed gives the same program."""

    def __init__(self, seed: int, size: int = 30) -> None:
        self.random = random.Random(seed)
        self.fresh = Fresh()
        self.budget = size

    def program(self) -> ir.Program:
        """Return an entry with two arrays, two floats and an integer as parameters."""
        params = [
            self.fresh.var(VECTOR, "u"),
            self.fresh.var(VECTOR, "v"),
            self.fresh.var(FLOAT64, "x"),
            self.fresh.var(FLOAT64, "y"),
            self.fresh.var(INT64, "n"),
        ]
        block = BlockBuilder(self.fresh)
        scope = list(params)
        self.statements(block, scope, 0)
        results = tuple(self.pick(scope, FLOAT64) for _ in range(2))
        results += (self.pick(scope, INT64),)
        return ir.Program(ir.Function("f", tuple(params), block.block(), results))

    def name(self) -> str:
        return self.random.choice(NAMES)

    def pick(self, scope: Scope, type_: Scalar) -> ir.Operand:
        """Return a value of the type: recent ones are likelier."""
        found = [v for v in scope if v.type == type_]
        if not found or self.random.random() < 0.1:
            value = {FLOAT64: 0.5, INT64: 2, BOOL: True}[type_]
            return ir.Const(value, type_)
        weights = range(1, len(found) + 1)
        return self.random.choices(found, weights)[0]

    def array(self, scope: Scope) -> ir.Var:
        return self.random.choice([v for v in scope if v.type == VECTOR])

    def statements(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        """Append some statements; ``scope`` grows with what they define."""
        for _ in range(self.random.randint(1, 5)):
            self.budget -= 1
            kinds = [self.arithmetic] * 5 + [
                self.load,
                self.store,
                self.accumulate,
                self.comparison,
            ]
            kinds += [self.integer, self.select, self.view]
            if self.budget > 0 and depth < 3:
                kinds += [self.loop, self.loop, self.branch, self.branch, self.while_]
            self.random.choice(kinds)(block, scope, depth)

    def let(self, block: BlockBuilder, scope: Scope, type_: Scalar, expr: ir.Expr) -> ir.Var:
        var = block.let(type_, expr, self.name())
        scope.append(var)
        return var

    def arithmetic(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        fn = self.random.choice([operator.add, operator.sub, max, operator.neg])
        count = 1 if fn is operator.neg else 2
        args = tuple(self.pick(scope, FLOAT64) for _ in range(count))
        value = self.let(block, scope, FLOAT64, ir.Call(fn, args))
        limited = ir.Call(operator.mul, (ir.Const(0.5, FLOAT64), value))
        if self.random.random() < 0.5:
            self.let(block, scope, FLOAT64, limited)

    def integer(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        value = block.call(INT64, operator.add, self.pick(scope, INT64), ir.Const(1, INT64))
        self.let(block, scope, INT64, ir.Call(operator.mod, (value, ir.Const(LENGTH, INT64))))

    def comparison(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        type_ = self.random.choice([FLOAT64, INT64])
        args = (self.pick(scope, type_), self.pick(scope, type_))
        self.let(block, scope, BOOL, ir.Call(operator.lt, args))

    def select(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        values = (self.pick(scope, FLOAT64), self.pick(scope, FLOAT64))
        self.let(block, scope, FLOAT64, ir.Select(self.pick(scope, BOOL), *values))

    def index(self, block: BlockBuilder, scope: Scope) -> ir.Operand:
        value = self.pick(scope, INT64)
        return block.call(INT64, operator.mod, value, ir.Const(LENGTH, INT64))

    def load(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        self.let(block, scope, FLOAT64, ir.Load(self.array(scope), (self.index(block, scope),)))

    def store(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        index = self.index(block, scope)
        block.emit(ir.Store(self.array(scope), (index,), self.pick(scope, FLOAT64)))

    def accumulate(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        index = self.index(block, scope)
        block.emit(ir.Accumulate(self.array(scope), (index,), self.pick(scope, FLOAT64)))

    def view(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        whole = ir.Subview(self.array(scope), (ir.Slice(None, None, None),))
        scope.append(block.let(VECTOR, whole, self.name()))

    # --- regions ------------------------------------------------------------------------------

    def carried(self, scope: Scope) -> list[tuple[ir.Var, ir.Operand]]:
        """Return inner values with their initial values; sometimes undefined."""
        chosen: list[tuple[ir.Var, ir.Operand]] = []
        for _ in range(self.random.randint(0, 3)):
            if self.random.random() < 0.2:
                array = self.array(scope)
                chosen.append((self.fresh.var(VECTOR, self.name()), array))
                continue
            type_ = self.random.choice([FLOAT64, FLOAT64, INT64])
            init = self.pick(scope, type_)
            name = init.name if isinstance(init, ir.Var) else self.name()
            name = name if self.random.random() < 0.7 else self.name()
            chosen.append((self.fresh.var(type_, name), init))
        return chosen

    def next_values(self, inner: list[tuple[ir.Var, ir.Operand]], scope: Scope) -> list[ir.Operand]:
        """Return next values: often another carried value, so that swaps occur."""
        result: list[ir.Operand] = []
        for var, _ in inner:
            others = [v for v, _ in inner if v.type == var.type]
            if self.random.random() < 0.3:
                result.append(self.random.choice(others))
            elif var.type == VECTOR:
                result.append(self.array(scope))
            else:
                assert isinstance(var.type, Scalar)
                result.append(self.pick(scope, var.type))
        return result

    def close(
        self,
        inner: list[tuple[ir.Var, ir.Operand]],
        nexts: list[ir.Operand],
        scope: Scope,
    ) -> tuple[ir.Carried, ...]:
        items = []
        for (var, init), next_ in zip(inner, nexts, strict=True):
            name = var.name if self.random.random() < 0.7 else self.name()
            result = self.fresh.var(var.type, name)
            items.append(ir.Carried(var, init, next_, result))
            scope.append(result)
        return tuple(items)

    def loop(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        inner = self.carried(scope)
        index = self.fresh.var(INT64, self.random.choice(["", "i", "k"]))
        body = block.nested()
        local = [*scope, *(v for v, _ in inner), index]
        self.statements(body, local, depth + 1)
        nexts = self.next_values(inner, local)
        bounds = self.random.choice([(0, 3, 1), (0, 0, 1), (2, -1, -1), (-1, 3, 2)])
        start, stop, step = (ir.Const(b, INT64) for b in bounds)
        stop_value = self.pick(scope, INT64) if self.random.random() < 0.3 else stop
        carried = self.close(inner, nexts, scope)
        block.emit(ir.For(index, start, stop_value, step, carried, body.block()))

    def while_(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        inner = self.carried(scope)
        count = self.fresh.var(INT64, self.random.choice(["", "k"]))
        local = [*scope, *(v for v, _ in inner), count]
        before = block.nested()
        seen = list(local)
        if self.random.random() < 0.5:
            self.load(before, seen, depth)
            self.store(before, seen, depth)
        more = before.call(BOOL, operator.lt, count, ir.Const(3, INT64))
        body = block.nested()
        self.statements(body, local, depth + 1)
        nexts = self.next_values(inner, local)
        step = body.call(INT64, operator.add, count, ir.Const(1, INT64))
        inner.append((count, ir.Const(0, INT64)))
        carried = self.close(inner, [*nexts, step], scope)
        block.emit(ir.While(carried, before.block(), more, body.block()))

    def branch(self, block: BlockBuilder, scope: Scope, depth: int) -> None:
        condition = self.pick(scope, BOOL)
        arms = []
        for _ in range(2):
            arm, local = block.nested(), list(scope)
            if self.random.random() < 0.75:
                self.statements(arm, local, depth + 1)
            arms.append((arm.block(), local))
        merges = []
        for _ in range(self.random.randint(0, 3)):
            if self.random.random() < 0.15:
                result = self.fresh.var(VECTOR, self.name())
                values = [self.array(local) for _, local in arms]
            else:
                type_ = self.random.choice([FLOAT64, FLOAT64, INT64, BOOL])
                result = self.fresh.var(type_, self.name())
                values = [self.pick(local, type_) for _, local in arms]
            merges.append(ir.Merge(result, *values))
        block.emit(ir.If(condition, arms[0][0], arms[1][0], tuple(merges)))
        scope.extend(merge.result for merge in merges)
