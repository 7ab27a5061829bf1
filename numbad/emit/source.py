"""One IR function as Python text: statements, copies and comments.

Takes an ``ir.Function``; gives the lines of a ``def`` and, for each line, the origin it comes from.
Every run of statements that come from one line of the user's source is headed by a comment with
that line.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from numbad.emit.expressions import TERNARY, ExpressionPrinter
from numbad.emit.folding import Plan, count_uses, plan_folding
from numbad.emit.needs import RESERVED, name_values
from numbad.emit.references import References
from numbad.ir import nodes as ir
from numbad.ir.types import INT64, is_memory
from numbad.ir.visit import expr_operands, walk

_INDENT = "    "


@dataclass
class Text:
    """Lines of source and the origin of each."""

    lines: list[str] = field(default_factory=list)
    origins: list[ir.Origin | None] = field(default_factory=list)

    def add(self, line: str, origin: ir.Origin | None = None) -> None:
        """Append a line."""
        self.lines.append(line)
        self.origins.append(origin)


def print_function(
    function: ir.Function, references: References, decorator: str, plain_division: bool
) -> Text:
    """Return the source of one function; ``collect_references`` must have seen it."""
    return _FunctionPrinter(function, references, plain_division).run(decorator)


class _FunctionPrinter:
    def __init__(self, function: ir.Function, references: References, plain_division: bool) -> None:
        self.function = function
        self.plan: Plan = plan_folding(function)
        reserved = references.names() | RESERVED
        self.names, self.given_zero = name_values(function, self.plan, reserved)
        self.print = ExpressionPrinter(self.plan, self.names.name, references, plain_division)
        self.references = references
        self.uses = count_uses(function)
        self.text = Text()
        self.depth = 1
        self.shown: tuple[str, int] | None = None
        self.placeholders = 0

    def run(self, decorator: str) -> Text:
        function = self.function
        self.text.add(decorator, function.origin)
        params = ", ".join(self.names.name[param] for param in function.params)
        self.text.add(f"def {function.name}({params}):", function.origin)
        self._block(function.body)
        if not _ends_in_raise(function.body):
            results = function.results
            if len(results) == 1:
                self._line(f"return {self.print.operand(results[0])}", function.origin)
            else:
                items = ", ".join(self.print.operand(v) for v in results)
                self._line(f"return {items or '()'}", function.origin)
        return self.text

    # --- lines --------------------------------------------------------------------------------

    def _line(self, line: str, origin: ir.Origin | None) -> None:
        self.text.add(_INDENT * self.depth + line, origin)

    def _statement_line(self, line: str, origin: ir.Origin | None) -> None:
        self._comment(origin)
        self._line(line, origin)

    def _comment(self, origin: ir.Origin | None) -> None:
        if origin is None or not origin.text.strip():
            return
        place = (origin.file, origin.line)
        if place != self.shown:
            self.shown = place
            text = " ".join(origin.text.split())
            self._line(f"# {origin}  {text}", origin)

    def _nested(self, write: Callable[[], None]) -> None:
        """Write an indented block; ``pass`` if nothing comes."""
        self.depth += 1
        before = len(self.text.lines)
        write()
        if all(line.lstrip().startswith("#") for line in self.text.lines[before:]):
            self._line("pass", None)
        self.depth -= 1

    # --- statements ---------------------------------------------------------------------------

    def _block(self, block: ir.Block) -> None:
        for statement in block:
            self._statement(statement)

    def _statement(self, statement: ir.Stmt) -> None:
        match statement:
            case ir.Let(target, expr, origin):
                self._let(target, expr, origin)
            case ir.Store(array, index, value, origin):
                place = self._element(array, index)
                self._statement_line(f"{place} = {self.print.operand(value)}", origin)
            case ir.Accumulate(array, index, value, origin):
                place = self._element(array, index)
                self._statement_line(f"{place} {self._increment('+=', value)}", origin)
            case ir.Append(array, value, origin):
                line = f"{self.print.operand(array)}.append({self.print.operand(value)})"
                self._statement_line(line, origin)
            case ir.Effect(fn, args, origin):
                self._statement_line(self.print.call(fn, args)[0], origin)
            case ir.Raise(exception, args, origin):
                arguments = ", ".join(self.print.operand(v) for v in args)
                name = self.references.text(exception)
                self._statement_line(f"raise {name}({arguments})", origin)
            case ir.For():
                self._for(statement)
            case ir.While():
                self._while(statement)
            case ir.If():
                self._if(statement, "if")
            case _:
                assert_never(statement)

    def _element(self, array: ir.Var, index: tuple[ir.Operand, ...]) -> str:
        return self.print.expression(ir.Load(array, index), array.type)

    def _let(self, target: ir.Var, expr: ir.Expr, origin: ir.Origin | None) -> None:
        if target in self.plan.absent or target in self.plan.folded:
            return
        if target in self.plan.unpacked:
            names = [self._item_name(item) for item in self.plan.unpacked[target]]
            left = f"{names[0]}," if len(names) == 1 else ", ".join(names)
            self._statement_line(f"{left} = {self.print.expression(expr, target.type)}", origin)
            return
        name = self.names.name[target]
        if isinstance(expr, ir.Call) and not is_memory(target.type):
            updated = self._augmented(name, expr, origin)
            if updated:
                self._statement_line(updated, origin)
                return
        text = self.print.expression(expr, target.type)
        if text == name:
            return
        if isinstance(expr, ir.Invoke | ir.Release) and not self.uses[target]:
            self._statement_line(text, origin)
            return
        self._statement_line(f"{name} = {text}", origin)

    def _item_name(self, item: ir.Var | None) -> str:
        if item is not None:
            return self.names.name[item]
        self.placeholders += 1
        return "_" if self.placeholders == 1 else f"_{self.placeholders}"

    def _augmented(self, name: str, expr: ir.Call, origin: ir.Origin | None) -> str | None:
        """Return ``x += e`` for ``x = x + e`` of cotangents, tangents and where the user did so."""
        symbol = _AUGMENTED.get(getattr(expr.fn, "__name__", ""))
        if symbol is None or len(expr.args) != 2 or expr.kwargs:
            return None
        left, right = expr.args
        if not isinstance(left, ir.Var) or self.names.name.get(left) != name:
            return None
        written_so = origin is not None and f" {symbol} " in origin.text
        if not (written_so or _is_derivative_name(name)):
            return None
        return f"{name} {self._increment(symbol, right)}"

    def _increment(self, symbol: str, value: ir.Operand) -> str:
        """Return the right part of an augmented assignment, ``+= -e`` as ``-= e``."""
        positive = self.print.negated(value) if symbol in _OPPOSITE else None
        if positive is not None:
            return f"{_OPPOSITE[symbol]} {positive[0]}"
        return f"{symbol} {self.print.operand(value)}"

    # --- copies -------------------------------------------------------------------------------

    def _copies(self, copies: list[tuple[ir.Var, ir.Operand]], origin: ir.Origin | None) -> None:
        """Write assignments that happen at once, so ordered that none overwrites what others read.

        What cannot be ordered (a swap) becomes one tuple assignment.
        """
        pending: list[_Copy] = []
        for target, source in copies:
            if target in self.names.unneeded:
                continue
            name = self.names.name[target]
            if isinstance(source, ir.Undefined) and name not in self.given_zero:
                continue
            text = self.print.alias(source, target.type)[0]
            if text != name:
                pending.append((name, text, self._reads(source)))
        while pending:
            free = [
                copy
                for copy in pending
                if not any(copy[0] in other[2] for other in pending if other is not copy)
            ]
            for name, text, _ in free:
                self._statement_line(f"{name} = {text}", origin)
            pending = [copy for copy in pending if copy not in free]
            if pending and not free:
                together = _cycle(pending)
                left = ", ".join(copy[0] for copy in together)
                right = ", ".join(copy[1] for copy in together)
                self._statement_line(f"{left} = {right}", origin)
                pending = [copy for copy in pending if copy not in together]

    def _reads(self, operand: ir.Operand) -> set[str]:
        if not isinstance(operand, ir.Var):
            return set()
        if operand in self.plan.folded:
            reads: set[str] = set()
            for inner in expr_operands(self.plan.folded[operand]):
                reads |= self._reads(inner)
            return reads
        return {self.names.name[operand]}

    # --- regions ------------------------------------------------------------------------------

    def _for(self, loop: ir.For) -> None:
        self._copies([(item.inner, item.init) for item in loop.carried], loop.origin)
        index = self.names.name[loop.index]
        self._statement_line(f"for {index} in {self._range(loop)}:", loop.origin)
        self._nested(lambda: self._loop_body(loop.body, loop.carried, loop.origin))
        self._copies([(item.result, item.inner) for item in loop.carried], loop.origin)

    def _range(self, loop: ir.For) -> str:
        """Return the range of a loop: Numba's own where its indices are plainly not negative."""
        start, stop, step = (self.print.operand(v) for v in (loop.start, loop.stop, loop.step))
        if loop.step != ir.Const(1, INT64):
            return f"{self.references.kernel('loops', 'irange')}({start}, {stop}, {step})"
        if isinstance(loop.start, ir.Const) and loop.start.value >= 0 and not _looks_back(loop):
            return f"range({stop})" if start == "0" else f"range({start}, {stop})"
        return f"{self.references.kernel('loops', 'irange')}({start}, {stop})"

    def _loop_body(
        self, body: ir.Block, carried: tuple[ir.Carried, ...], origin: ir.Origin | None
    ) -> None:
        self._block(body)
        if not _ends_in_raise(body):
            self._copies([(item.inner, item.next) for item in carried], origin)

    def _while(self, loop: ir.While) -> None:
        self._copies([(item.inner, item.init) for item in loop.carried], loop.origin)
        whole = all(isinstance(s, ir.Let) and self._is_silent(s.target) for s in loop.before)
        if whole:
            condition = self.print.operand(loop.condition)
            self._statement_line(f"while {condition}:", loop.origin)
            self._nested(lambda: self._loop_body(loop.body, loop.carried, loop.origin))
        else:
            self._statement_line("while True:", loop.origin)
            self._nested(lambda: self._open_while(loop))
        self._copies([(item.result, item.inner) for item in loop.carried], loop.origin)

    def _open_while(self, loop: ir.While) -> None:
        self._block(loop.before)
        self._line(f"if {self._negation(loop.condition)}:", loop.origin)
        self._nested(lambda: self._line("break", loop.origin))
        self._loop_body(loop.body, loop.carried, loop.origin)

    def _is_silent(self, target: ir.Var) -> bool:
        return target in self.plan.absent or target in self.plan.folded

    def _negation(self, condition: ir.Operand) -> str:
        return self.print.call(operator.not_, (condition,))[0]

    def _if(self, branch: ir.If, keyword: str) -> None:
        if self._is_choice(branch):
            return self._choice(branch)
        then = self._captured(lambda: self._arm(branch, branch.then, taken=True))
        # Each arm is printed once: an arm that is printed to see if it is empty, and again as what
        # it turns out to be, would take time exponential in the length of an `elif` chain.
        inner = self._only_branch(branch) if then else None
        if inner is not None:
            self.shown = None
            orelse = self._captured(lambda: self._if(inner, "elif"), deeper=0)
        else:
            orelse = self._captured(lambda: self._arm(branch, branch.orelse, taken=False))
        if not then and not orelse:
            return None
        condition = self.print.operand(branch.condition)
        if not then:
            condition = self._negation(branch.condition)
            then, orelse = orelse, []
        if keyword == "if":
            self._comment(branch.origin)
        self._line(f"{keyword} {condition}:", branch.origin)
        self._append(then)
        if orelse and inner is None:
            self._line("else:", branch.origin)
        self._append(orelse)
        return None

    def _arm(self, branch: ir.If, block: ir.Block, *, taken: bool) -> None:
        self.shown = None if not taken else self.shown
        self._block(block)
        if not _ends_in_raise(block):
            copies = [(m.result, m.if_true if taken else m.if_false) for m in branch.merges]
            self._copies(copies, branch.origin)

    def _captured(
        self, write: Callable[[], None], deeper: int = 1
    ) -> list[tuple[str, ir.Origin | None]]:
        """Return the lines that ``write`` would add, indented so much; none if only comments."""
        outer, self.text = self.text, Text()
        shown, placeholders = self.shown, self.placeholders
        self.depth += deeper
        write()
        self.depth -= deeper
        inner, self.text = self.text, outer
        if all(line.lstrip().startswith("#") for line in inner.lines):
            self.shown, self.placeholders = shown, placeholders
            return []
        return list(zip(inner.lines, inner.origins, strict=True))

    def _append(self, lines: list[tuple[str, ir.Origin | None]]) -> None:
        for line, origin in lines:
            self.text.add(line, origin)

    def _only_branch(self, branch: ir.If) -> ir.If | None:
        """Return the ``if`` that is all that is printed in the else branch."""
        printed = [
            s for s in branch.orelse if not (isinstance(s, ir.Let) and self._is_silent(s.target))
        ]
        if len(printed) != 1 or not isinstance(printed[0], ir.If) or self._is_choice(printed[0]):
            return None
        copies = [(m.result, m.if_false) for m in branch.merges]
        return None if self._captured(lambda: self._copies(copies, None)) else printed[0]

    def _is_choice(self, branch: ir.If) -> bool:
        """Whether the branch only selects one of two values for one name."""
        if branch.then or branch.orelse:
            return False
        needed = [m for m in branch.merges if m.result not in self.names.unneeded]
        if len(needed) != 1:
            return False
        texts = {self.print.operand(v) for v in (needed[0].if_true, needed[0].if_false)}
        undefined = any(
            isinstance(v, ir.Undefined) for v in (needed[0].if_true, needed[0].if_false)
        )
        return not undefined and self.names.name[needed[0].result] not in texts

    def _choice(self, branch: ir.If) -> None:
        merge = next(m for m in branch.merges if m.result not in self.names.unneeded)
        name = self.names.name[merge.result]
        parts = (
            self.print.operand(merge.if_true, TERNARY + 1),
            self.print.operand(branch.condition, TERNARY + 1),
            self.print.operand(merge.if_false, TERNARY),
        )
        self._statement_line("{} = {} if {} else {}".format(name, *parts), branch.origin)


_Copy = tuple[str, str, set[str]]
"""An assignment: name, text of the value, names that the value reads."""


def _cycle(copies: list[_Copy]) -> list[_Copy]:
    """Return copies that must happen at once: no other copy reads what they overwrite.

    Starting from one copy, whoever reads a name that the group overwrites joins the group. The
    smallest such group is taken, so that unrelated swaps become separate statements.
    """
    groups: list[list[_Copy]] = []
    for start in copies:
        group = [start]
        for member in group:
            group += [c for c in copies if member[0] in c[2] and c not in group]
        groups.append(group)
    smallest = min(groups, key=len)
    return [copy for copy in copies if copy in smallest]


_OPPOSITE = {"+=": "-=", "-=": "+="}
_AUGMENTED = {"add": "+=", "sub": "-=", "mul": "*=", "truediv": "/="}


def _is_derivative_name(name: str) -> bool:
    base = name.rstrip("0123456789")
    return base.endswith(("_bar", "_dot"))


def _looks_back(loop: ir.For) -> bool:
    """Whether a loop, which does not start at zero, has indices that are behind its own."""
    return loop.start != ir.Const(0, INT64) and any(
        isinstance(statement, ir.Let)
        and isinstance(statement.expr, ir.Call)
        and statement.expr.fn is operator.sub
        and statement.expr.args[0] == loop.index
        for statement in walk(loop.body)
    )


def _ends_in_raise(block: ir.Block) -> bool:
    return bool(block) and isinstance(block[-1], ir.Raise)
