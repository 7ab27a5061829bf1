"""Random programs as source text, from any source of decisions.

A program is a function ``f(x, y, a, b, c, n, m)`` of two numbers, two vectors of length 6, a 3 x 4
matrix and two small integers, with nested loops, branches, early exits, stores, views, aliases,
swaps of buffers and calls of generated helpers. Every value stays of moderate size and all
operations are smooth on their domain, so finite differences work; comparisons are with constants
that values do not meet by chance.

Each array name has one length for the whole program and each block restores the names it found,
so programs never fail for reasons that have nothing to do with derivatives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

VECTOR = 6
MATRIX = (3, 4)
HEADER = "import math\n\nimport numpy as np\n\n\n"
UNARY = (
    "math.sin({0})",
    "math.cos({0})",
    "math.tanh({0})",
    "math.exp(-({0}) * ({0}))",
    "0.9 * math.sqrt(1.0 + ({0}) * ({0}))",
    "0.3 * ({0}) ** 2",
    "0.1 * ({0}) ** 3",
    "0.4 * abs({0} + 4.0)",
    "math.atan({0})",
    "math.log(1.0 + ({0}) ** 2)",
    "-({0})",
)
BINARY = (
    "0.5 * ({0}) + 0.4 * ({1})",
    "0.3 * ({0}) * ({1})",
    "({0}) / (1.0 + ({1}) * ({1}))",
    "0.5 * ({0}) - 0.5 * ({1})",
    "math.sin({0} + {1})",
    "math.atan2({0}, 1.0 + ({1}) ** 2)",
)


class Choices(Protocol):
    """Source of decisions: a seeded generator, or hypothesis, which can shrink them."""

    def integer(self, low: int, high: int) -> int:
        """Integer between ``low`` and ``high``, both included."""


class Seeded:
    """Decisions from ``random.Random(seed)``."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        """Integer between ``low`` and ``high``, both included."""
        return self.random.randint(low, high)


@dataclass
class Scope:
    """Names in scope: numbers, integers with their largest value, arrays with their length."""

    floats: list[str] = field(default_factory=list)
    ints: dict[str, int] = field(default_factory=dict)
    vectors: dict[str, int] = field(default_factory=dict)
    matrices: list[str] = field(default_factory=list)
    depth: int = 0
    in_loop: bool = False
    trips: int = 1

    def inner(self, **changes: Any) -> Scope:
        """Scope of a nested block, whose new names don't leak."""
        scope = Scope(
            list(self.floats),
            dict(self.ints),
            dict(self.vectors),
            list(self.matrices),
            self.depth + 1,
            self.in_loop,
            self.trips,
        )
        for name, value in changes.items():
            setattr(scope, name, value)
        return scope


class Writer:
    """Writes one random function and its helpers.

    Parameters
    ----------
    choices : Choices
        Where decisions come from.
    name : str
        Name of the function; helpers are named after it.
    size : int
        Statements of the outermost block; nested blocks are smaller.
    """

    def __init__(self, choices: Choices, name: str = "f", size: int = 6) -> None:
        self.choices = choices
        self.name = name
        self.size = size
        self.fresh = 0
        self.scalar_helpers: list[str] = []
        self.vector_helpers: list[str] = []
        self.inside_helper = False

    # Decisions

    def pick(self, items: Sequence[Any]) -> Any:
        """One of ``items``."""
        return items[self.choices.integer(0, len(items) - 1)]

    def chance(self, percent: int) -> bool:
        """Whether something of that probability happens."""
        return self.choices.integer(1, 100) > 100 - percent

    def new(self, prefix: str) -> str:
        """A name that was not used yet."""
        self.fresh += 1
        return f"{prefix}{self.fresh}"

    def constant(self) -> str:
        """A constant that no computed value meets by chance."""
        return f"{self.choices.integer(-9, 9) / 8 + 0.0137:.4f}"

    # Expressions

    def number(self, scope: Scope, depth: int = 2) -> str:
        """Expression of a number of moderate size."""
        kind = self.choices.integer(0, 9)
        if depth == 0 or kind < 3:
            return self.atom(scope)
        if kind < 5:
            return self.pick(UNARY).format(self.number(scope, depth - 1))
        if kind < 8:
            left, right = self.number(scope, depth - 1), self.number(scope, depth - 1)
            return self.pick(BINARY).format(left, right)
        if kind == 8 and self.scalar_helpers:
            helper = self.pick(self.scalar_helpers)
            return f"{helper}({self.number(scope, 0)}, {self.number(scope, depth - 1)})"
        if depth > 1:
            left, right = self.number(scope, depth - 1), self.number(scope, depth - 1)
            return f"({left} if {self.condition(scope)} else {right})"
        return self.atom(scope)

    def atom(self, scope: Scope) -> str:
        """A name, an element or a constant."""
        kind = self.choices.integer(0, 9)
        if kind < 5 or (not scope.vectors and kind < 8):
            return self.pick(scope.floats)
        if kind < 8:
            return self.element(scope)
        if kind == 8 and scope.matrices:
            return self.matrix_element(scope)
        if kind == 8 and scope.ints:
            return f"0.3 * {self.pick(list(scope.ints))}"
        return f"({self.constant()})"

    def element(self, scope: Scope) -> str:
        """An element of a vector at a legal index."""
        name = self.pick(list(scope.vectors))
        return f"{name}[{self.index(scope, scope.vectors[name])}]"

    def index(self, scope: Scope, length: int) -> str:
        """A legal index for ``length`` elements: a constant, a name, or one made to fit."""
        kind = self.choices.integer(0, 5)
        fitting = [name for name, top in scope.ints.items() if top < length]
        if kind < 3 and fitting:
            return self.pick(fitting)
        if kind == 3 and scope.ints:
            name = self.pick(list(scope.ints))
            return f"({name} + {self.choices.integer(0, 3)}) % {length}"
        if kind == 4 and fitting:
            return f"{self.pick(fitting)} - {self.choices.integer(0, 1)}"
        return str(self.choices.integer(-length, length - 1))

    def matrix_element(self, scope: Scope) -> str:
        """An element of the matrix at a legal index."""
        name = self.pick(scope.matrices)
        return f"{name}[{self.index(scope, MATRIX[0])}, {self.index(scope, MATRIX[1])}]"

    def condition(self, scope: Scope) -> str:
        """A comparison of integers or of numbers, or a combination of two."""
        kind = self.choices.integer(0, 6)
        if kind < 2 and scope.ints:
            name = self.pick(list(scope.ints))
            return self.pick((f"{name} % 2 == 0", f"{name} > 1", f"{name} != 2", f"{name} < 3"))
        if kind == 2 and len(scope.ints) > 1:
            names = list(scope.ints)
            return f"{self.pick(names)} <= {self.pick(names)}"
        if kind == 3 and scope.depth < 3:
            inner = scope.inner(depth=3)
            word = self.pick(("and", "or"))
            return f"{self.condition(inner)} {word} {self.condition(inner)}"
        if kind == 4:
            return f"not {self.atom(scope)} > {self.constant()}"
        if kind == 5:
            return f"-1.5137 < {self.pick(scope.floats)} < {self.constant()}"
        return f"{self.atom(scope)} {self.pick(('>', '<'))} {self.constant()}"

    def vector(self, scope: Scope, length: int, depth: int = 1) -> str | None:
        """Element-wise expression of ``length`` elements, None if no name fits."""
        names = [name for name, size in scope.vectors.items() if size == length]
        if not names:
            return None
        name = self.pick(names)
        kind = self.choices.integer(0, 6)
        if depth == 0 or kind == 0:
            return name
        if kind == 1:
            return f"np.sin({self.vector(scope, length, depth - 1)})"
        if kind == 2:
            return f"np.tanh({self.vector(scope, length, depth - 1)} + {self.pick(scope.floats)})"
        if kind == 3:
            return f"0.3 * {name} * {self.pick(names)}"
        if kind == 4:
            return f"{name} / (1.0 + {self.pick(names)} ** 2)"
        if kind == 5:
            return f"np.where({name} > {self.constant()}, {self.pick(names)}, 0.5 * {name})"
        return f"0.5 * {name} + 0.4 * {self.pick(scope.floats)}"

    # Statements

    def block(self, scope: Scope, size: int) -> list[str]:
        """Lines of a block."""
        lines: list[str] = []
        for _ in range(max(1, self.choices.integer(1, size))):
            lines += self.statement(scope)
        return lines

    def statement(self, scope: Scope) -> list[str]:
        """Lines of one random statement."""
        kinds: list[Callable[[Scope], list[str]]] = [
            self.assign,
            self.assign,
            self.update,
            self.swap,
        ]
        if scope.vectors:
            kinds += [self.store, self.store, self.store_slice, self.alias, self.whole]
        if scope.matrices:
            kinds += [self.store_matrix]
        if self.vector_helpers and scope.vectors:
            kinds += [self.call_vector_helper]
        if scope.depth < 3:
            kinds += [self.branch, self.branch]
            if scope.trips < 40:
                kinds += [self.loop, self.loop, self.loop, self.while_loop]
        if scope.in_loop or scope.depth > 0:
            kinds += [self.leave]
        return self.pick(kinds)(scope)

    def assign(self, scope: Scope) -> list[str]:
        """Bind a new name, or an old one again."""
        value = self.number(scope)
        if self.chance(50):
            name = self.pick(scope.floats)
        else:
            name = self.new("t")
            scope.floats.append(name)
        return [f"{name} = {value}"]

    def update(self, scope: Scope) -> list[str]:
        """Augmented assignment of a number."""
        name = self.pick(scope.floats)
        value = self.number(scope, 1)
        form = self.pick(
            (
                f"{name} += 0.1 * {value}",
                f"{name} *= math.cos({value})",
                f"{name} -= 0.2 * {value}",
                f"{name} = 0.6 * {name} + 0.3 * {value}",
                f"{name} /= 1.5 + math.sin({value})" if scope.trips < 5 else f"{name} *= 0.8",
            )
        )
        return [form]

    def swap(self, scope: Scope) -> list[str]:
        """Swap numbers, or arrays of one length."""
        pairs = [
            (p, q)
            for p in scope.vectors
            for q in scope.vectors
            if p < q and scope.vectors[p] == scope.vectors[q]
        ]
        if pairs and self.chance(50):
            left, right = self.pick(pairs)
            return [f"{left}, {right} = {right}, {left}"]
        left, right = self.pick(scope.floats), self.pick(scope.floats)
        if left == right:
            return [f"{left} = math.sin({left} + 0.5)"]
        return [f"{left}, {right} = {right}, 0.7 * {left} + 0.2 * {right}"]

    def store(self, scope: Scope) -> list[str]:
        """Store into an element of a vector."""
        target = self.element(scope)
        value = self.number(scope)
        return [
            self.pick((f"{target} = {value}", f"{target} += 0.1 * {value}", f"{target} *= 0.8"))
        ]

    def store_matrix(self, scope: Scope) -> list[str]:
        """Store into an element of the matrix."""
        target = self.matrix_element(scope)
        return [
            self.pick(
                (f"{target} = {self.number(scope)}", f"{target} += 0.1 * {self.number(scope, 1)}")
            )
        ]

    def store_slice(self, scope: Scope) -> list[str]:
        """Assign to part of a vector, possibly from an overlapping part of the same."""
        name = self.pick(list(scope.vectors))
        length = scope.vectors[name]
        size = self.choices.integer(1, length - 1)
        start = self.choices.integer(0, length - size)
        sources = [other for other, n in scope.vectors.items() if n >= size]
        source = self.pick(sources)
        begin = self.choices.integer(0, scope.vectors[source] - size)
        right = f"{source}[{begin}:{begin + size}]"
        form = self.pick(
            (
                f"{name}[{start}:{start + size}] = {right}",
                f"{name}[{start}:{start + size}] = 0.5 * {right} + 0.3 * {self.pick(scope.floats)}",
                f"{name}[{start}:{start + size}] += 0.2 * {right}",
                f"{name}[{start}:{start + size}] = {self.number(scope, 1)}",
            )
        )
        return [form]

    def whole(self, scope: Scope) -> list[str]:
        """Give a whole vector new contents, or bind the name to a new array."""
        name = self.pick(list(scope.vectors))
        value = self.vector(scope, scope.vectors[name])
        if value == name:
            return [f"{name}[:] = 0.9 * {name}"]
        if self.chance(50):
            return [f"{name}[:] = {value}"]
        if value in scope.vectors:
            return [f"{name} = {value}.copy()"]
        return [f"{name} = {value}"]

    def alias(self, scope: Scope) -> list[str]:
        """Bind a new name to an old array, a copy, a view of it, or a fresh array."""
        source = self.pick(list(scope.vectors))
        length = scope.vectors[source]
        name = self.new("v")
        kind = self.choices.integer(0, 6)
        if kind == 0:
            line, size = f"{name} = {source}", length
        elif kind == 1:
            line, size = f"{name} = {source}.copy()", length
        elif kind == 2 and length > 2:
            line, size = f"{name} = {source}[1:{length - 1}]", length - 2
        elif kind == 3:
            line, size = f"{name} = {source}[::-1]", length
        elif kind == 4 and length > 2:
            line, size = f"{name} = {source}[::2]", (length + 1) // 2
        elif kind == 5 and scope.matrices:
            line, size = f"{name} = {self.pick(scope.matrices)}[{self.index(scope, 3)}]", MATRIX[1]
        else:
            line, size = f"{name} = np.zeros({length})", length
        scope.vectors[name] = size
        return [line]

    def call_vector_helper(self, scope: Scope) -> list[str]:
        """Call a helper that changes an array, use what it returns."""
        name = self.pick(scope.floats)
        vector = self.pick(list(scope.vectors))
        return [f"{name} = {self.pick(self.vector_helpers)}({vector}, {self.number(scope, 1)})"]

    def branch(self, scope: Scope) -> list[str]:
        """An ``if`` with up to three arms."""
        size = max(1, self.size // 3)
        lines = [f"if {self.condition(scope)}:", *indent(self.block(scope.inner(), size))]
        if self.chance(30):
            lines += [f"elif {self.condition(scope)}:", *indent(self.block(scope.inner(), size))]
        if self.chance(60):
            lines += ["else:", *indent(self.block(scope.inner(), size))]
        return lines

    def loop(self, scope: Scope) -> list[str]:
        """A ``for`` loop over a range or over arrays."""
        inner = scope.inner(in_loop=True, trips=scope.trips * 4)
        kind = self.choices.integer(0, 8)
        lines: list[str] = []
        if kind >= 6 and scope.vectors:
            name = self.pick(list(scope.vectors))
            item = self.new("e")
            inner.floats.append(item)
            same = [v for v, n in scope.vectors.items() if n == scope.vectors[name]]
            if kind == 6:
                head = f"for {item} in {name}:"
            elif kind == 7:
                index = self.new("i")
                inner.ints[index] = scope.vectors[name] - 1
                head = f"for {index}, {item} in enumerate({name}):"
            else:
                other = self.new("e")
                inner.floats.append(other)
                head = f"for {item}, {other} in zip({name}, {self.pick(same)}):"
            inner.trips = scope.trips * scope.vectors[name]
        else:
            index = self.new("i")
            names = list(scope.ints)
            bound_name = self.pick(names) if names else "2"
            largest = scope.ints.get(bound_name, 2)
            head, top = self.pick(
                (
                    (f"range({bound_name})", largest),
                    ("range(3)", 2),
                    (f"range({bound_name}, -1, -1)", largest),
                    (f"range(1, {bound_name} + 2)", largest + 1),
                    ("range(0, 6, 2)", 4),
                    (f"range({bound_name} - 1)", largest),
                )
            )
            head = f"for {index} in {head}:"
            inner.ints[index] = top
        lines += [head, *indent(self.block(inner, max(1, self.size // 2)))]
        if self.chance(10):
            lines += ["else:", *indent(self.assign(scope.inner()))]
        return lines

    def while_loop(self, scope: Scope) -> list[str]:
        """A ``while`` loop that counts, sometimes with a condition on a number as well."""
        counter = self.new("k")
        bound = self.pick(list(scope.ints)) if scope.ints else "3"
        inner = scope.inner(in_loop=True, trips=scope.trips * 4)
        inner.ints[counter] = max(scope.ints.get(bound, 3), 1)
        body = self.block(inner, max(1, self.size // 3))
        extra = f" and {self.pick(scope.floats)} < {self.constant()}" if self.chance(30) else ""
        head = f"while {counter} < {bound}{extra}:"
        return [f"{counter} = 0", head, *indent([f"{counter} += 1", *body])]

    def leave(self, scope: Scope) -> list[str]:
        """Leave the iteration, the loop or the function, on a condition."""
        words = [f"return {self.number(scope, 1)}"]
        if scope.in_loop:
            words += ["continue", "break", "continue", "break"]
        return [f"if {self.condition(scope)}:", *indent([self.pick(words)])]

    # Functions

    def scalar_helper(self) -> list[str]:
        """A helper of two numbers, with an early return."""
        name = f"{self.name}_scalar{len(self.scalar_helpers)}"
        scope = Scope(floats=["p", "q"], depth=1)
        lines = [f"def {name}(p, q):", *indent(self.block(scope, 2))]
        lines += indent([f"return {self.number(scope)}"])
        self.scalar_helpers.append(name)
        return lines

    def vector_helper(self) -> list[str]:
        """A helper that changes an array of any length in place and returns a number."""
        name = f"{self.name}_vector{len(self.vector_helpers)}"
        scope = Scope(floats=["p", "w[i]", "s"], ints={"i": 3}, depth=2, in_loop=False)
        body = [f"s = 0.7 * s + 0.2 * ({self.number(scope, 1)})", f"w[i] = {self.number(scope)}"]
        if self.chance(40):
            body.insert(self.choices.integer(0, 2), f"if s > {self.constant()}:")
            at = body.index(next(line for line in body if line.startswith("if")))
            body.insert(at + 1, f"    {self.pick(('break', 'continue', 'return s'))}")
        lines = [f"def {name}(w, p):", *indent(["s = p", "for i in range(len(w)):"])]
        lines += indent(indent(body))
        lines += indent(["return 0.5 * s + 0.3 * w[0]"])
        self.vector_helpers.append(name)
        return lines

    def function(self) -> str:
        """Source of the function, preceded by its helpers."""
        parts: list[list[str]] = []
        if self.chance(50):
            parts.append(self.scalar_helper())
        if self.chance(50):
            parts.append(self.vector_helper())
        scope = Scope(
            floats=["x", "y"],
            ints={"n": 3, "m": 3},
            vectors={"a": VECTOR, "b": VECTOR},
            matrices=["c"],
        )
        body: list[str] = []
        for _ in range(self.size):
            body += self.statement(scope)
        weights = " + ".join(f"{0.3 + 0.1 * i:.1f} * {v}" for i, v in enumerate(scope.floats))
        sums = " + ".join(f"{v}[0] * {v}[-1] + np.sum({v})" for v in scope.vectors)
        body.append(f"return {weights} + {sums} + np.sum(c * c)")
        parts.append([f"def {self.name}(x, y, a, b, c, n, m):", *indent(body)])
        return "\n\n\n".join("\n".join(part) for part in parts) + "\n"


def indent(lines: list[str]) -> list[str]:
    """The lines, one level deeper."""
    return ["    " + line for line in lines]
