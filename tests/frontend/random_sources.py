"""Random programs about names and objects, for comparison of the front end with Python.

``flow_source`` makes programs of numbers: conditionally bound names, None, early exits, closures,
recursion. ``object_source`` makes programs in which lists, tuples, instances and dicts are changed
under several names. The front end may refuse a program, but must not build a wrong one.
"""

from __future__ import annotations

import random

FLOW_HEAD = """
import numpy as np

K = 1.5


def h(x, n=2):
    if x > 1.0:
        return x * 0.5
    for i in range(n):
        x = x * 0.9 + 0.1
        if x < -1.0:
            return 0
    return x


def rec(x, n):
    if n <= 0:
        return x
    if x > 1.2:
        return rec(x * 0.5, n - 1) + 0.1
    return 0.5 * rec(x + 0.3, n - 2)


def pair(x, y):
    return y, x * 0.9


def f(v, w, x, z, n):
    y = 0
    k = 1
    i = 0
    j = 2
    o = None
    flag = False
    total = 0

    def g(a):
        return a * w + 0.1

    def bump(a):
        nonlocal total
        total += a

    def opt(a):
        if a is None:
            return 0.25
        return a * 0.5

"""
FLOW_TAIL = "    return v * 1.0 + x + y + total + i + opt(o), w + k + j\n"

OBJECT_HEAD = """
class P:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def add(self, o):
        return P(self.x + o.x, self.y + o.y)

    def bump(self, v):
        self.x += v
        return self


def f(v, w, x, z, n):
    k = 0
    a = [v, w]
    b = [x, v]
    c = a
    p = P(v, x)
    q = P(w, w)
    r = p
    t = (v, w)
    u = (x, x)
    d = {"f": v, "g": w}
"""
OBJECT_TAIL = '    return v, w, x, a, b, c, p.x, p.y, q.x, q.y, r.x, r.y, t, u, d["f"], d["g"], k\n'


class _Writer:
    """Shared by both kinds: blocks of random statements."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loops = 0

    def pick(self, *choices: str) -> str:
        """One of the choices."""
        return self.random.choice(choices)

    def block(self, depth: int, in_loop: bool = False) -> list[str]:
        """Lines of a few statements."""
        lines: list[str] = []
        for _ in range(self.random.randint(1, 4)):
            lines += self.statement(depth, in_loop)
        return lines

    def statement(self, depth: int, in_loop: bool) -> list[str]:
        """Lines of one statement."""
        raise NotImplementedError

    def condition(self) -> str:
        """A truth value."""
        raise NotImplementedError

    def branch(self, depth: int, in_loop: bool) -> list[str]:
        """An ``if`` statement."""
        indent = "    " * depth
        lines = [f"{indent}if {self.condition()}:", *self.block(depth + 1, in_loop)]
        if self.random.random() < 0.3:
            lines += [f"{indent}elif {self.condition()}:", *self.block(depth + 1, in_loop)]
        if self.random.random() < 0.5:
            lines += [f"{indent}else:", *self.block(depth + 1, in_loop)]
        return lines

    def loop(self, depth: int, in_loop: bool) -> list[str]:
        """A loop, which may be left early."""
        self.loops += 1
        indent = "    " * depth
        if self.random.random() < 0.3:
            counter = f"m{self.loops}"
            lines = [
                f"{indent}{counter} = 0",
                f"{indent}while {counter} < n and ({self.condition()}):",
                f"{indent}    {counter} += 1",
                f"{indent}    k = {counter}",
            ]
        else:
            over = self.pick("n", "3", "len(z)", "n, 0, -1", "1, n, 2")
            lines = [f"{indent}for {self.pick('k', 'k', 'j')} in range({over}):"]
        lines += self.block(depth + 1, True)
        if self.random.random() < 0.3:
            jump = self.pick("break", "continue")
            lines += [f"{indent}    if {self.condition()}:", f"{indent}        {jump}"]
            lines += self.statement(depth + 1, True)
        if self.random.random() < 0.2:
            lines += [f"{indent}else:", *self.block(depth + 1, in_loop)]
        return lines

    def body(self) -> str:
        """The body of ``f``."""
        lines: list[str] = []
        for _ in range(self.random.randint(4, 9)):
            lines += self.statement(1, False)
        return "\n".join(lines) + "\n"


class _Flow(_Writer):
    def number(self) -> str:
        v, other = self.pick(*"vwxy"), self.pick(*"vwxy")
        return self.pick(
            v,
            v,
            v,
            f"h({v})",
            f"rec({v}, {self.random.randint(0, 4)})",
            f"g({v})",
            f"({v} if {self.condition()} else {other})",
            "z[k % 4]",
            "1",
            "2.5",
            "i",
            "j",
            "K",
            f"(0.5 * {v} + 0.3 * {other})",
            "opt(o)",
            f"max({v}, {other})",
            f"sum(e * {v} for e in z) * 0.1",
            f"(t := {v} * 0.5)",
        )

    def condition(self) -> str:
        v, other = self.pick(*"vwxy"), self.pick(*"vwxy")
        return self.pick(
            f"{v} > {self.random.uniform(-1, 2):.2f}",
            f"{v} < {other}",
            "n > 2",
            "k % 2 == 0",
            "i < 2",
            "o is None",
            f"0 < {v} < 2",
            f"{v} > 0.1 and {other} < 1.5",
            f"not {v} > 1.0 or k > 1",
            "flag",
            v,
        )

    def statement(self, depth: int, in_loop: bool) -> list[str]:
        indent = "    " * depth
        v, other = self.pick(*"vwxy"), self.pick(*"vwxy")
        match self.random.randrange(20):
            case 0 | 1 | 2 | 3 | 4:
                return [f"{indent}{v} = 0.7 * {self.number()} + 0.1"]
            case 5:
                return [f"{indent}{v} *= 0.9"]
            case 6:
                return [f"{indent}{v}, {other} = {other}, {v}"]
            case 7:
                return [f"{indent}o = {self.pick('None', self.number(), self.number())}"]
            case 8:
                return [f"{indent}flag = {self.condition()}"]
            case 9:
                return [f"{indent}{v}, {other} = pair({self.number()}, {other})"]
            case 10:
                return [f"{indent}bump(0.1 * {self.number()})"]
            case 11:
                return [f"{indent}i = {self.pick('k', 'i + 1', '0', 'n')}"]
            case 12 | 13 | 14 if depth < 4:
                return self.branch(depth, in_loop)
            case 15 | 16 | 17 if depth < 3:
                return self.loop(depth, in_loop)
            case 18 if in_loop:
                jump = self.pick("break", "continue", "return v, w")
                return [f"{indent}if {self.condition()}:", f"{indent}    {jump}"]
            case 19 if depth > 1:
                return [f"{indent}if {self.condition()}:", f"{indent}    return v + x, w"]
            case _:
                return [f"{indent}{v} = 0.4 * {v} + 0.2 * {self.number()}"]


class _Objects(_Writer):
    def number(self) -> str:
        values, point = self.pick(*"abc"), self.pick(*"pqr")
        pair, v = self.pick(*"tu"), self.pick(*"vwx")
        return self.pick(
            f"{values}[0]",
            f"{values}[{self.pick('0', '1')}]",
            f"{point}.x",
            f"{point}.y",
            f"{pair}[0]",
            f"{pair}[1]",
            v,
            f"{values}[-1] * 0.5",
            f"0.3 * {point}.x + {v}",
        )

    def condition(self) -> str:
        bound = f"{self.random.uniform(-1, 2):.2f}"
        return self.pick(f"{self.number()} > {bound}", "n > 2", "k % 2 == 0", "k < 2")

    def statement(self, depth: int, in_loop: bool) -> list[str]:
        indent = "    " * depth
        choice = self.random.randrange(22)
        if choice in (17, 18) and depth < 4:
            return self.branch(depth, in_loop)
        if choice in (19, 20) and depth < 3:
            return self.loop(depth, in_loop)
        return [indent + line for line in self._simple(choice)]

    def _simple(self, choice: int) -> list[str]:
        a, b = self.pick(*"abc"), self.pick(*"abc")
        p, q = self.pick(*"pqr"), self.pick(*"pqr")
        t, u = self.pick(*"tu"), self.pick(*"tu")
        v = self.pick(*"vwx")
        one, other = self.number(), self.number()
        position, field = self.pick("0", "1"), self.pick("x", "y")
        simple = {
            2: [f"{a}[{position}] = {one}"],
            3: [f"{a}[{position}] += 0.5 * {one}"],
            4: [f"{a} = {b}"],
            5: [f"{a} = [{one}, {other}]"],
            6: [f"{p}.{field} = {one}"],
            7: [f"{p} = {q}"],
            8: [f"{p} = P({one}, {other})"],
            9: [f"{p} = {p}.add({q})"],
            10: [f"{p}.bump(0.1 * {one})"],
            11: [f"{t} = ({one}, {other})"],
            12: [f"{t} = ({u}[1], {one})"],
            13: [f"{a}, {b} = {b}, {a}"],
            14: [f"{p}, {q} = {q}, {p}"],
            15: [self.pick(f"{a}.append({one})", f"{a} = {a} + [{one}]")],
            16: [f"if len({a}) > 2:", f"    {v} = {a}.pop()"],
            21: [f'd["{self.pick("f", "g")}"] = {one}', f'{v} = d["f"] + 0.1 * d["g"]'],
        }
        return simple.get(choice, [f"{v} = {one} * 0.5 + {other} * 0.3"])


def flow_source(seed: int) -> str:
    """A program of numbers with involved control flow."""
    return FLOW_HEAD + _Flow(seed).body() + FLOW_TAIL


def object_source(seed: int) -> str:
    """A program that changes objects under several names."""
    return OBJECT_HEAD + _Objects(seed).body() + OBJECT_TAIL
