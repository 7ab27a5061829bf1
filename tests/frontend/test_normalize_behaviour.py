"""Normalised programs do what the original does."""

import ast
import copy
import random
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frontend.normal_form import compile_plain, normal_form, show
from tests.frontend.normal_form_examples import FORMS


class OutOfFuel(Exception):
    """The program has run long enough."""


class Machine:
    """What random programs call: all they do is recorded, all they ask is decided beforehand.

    Nothing is recorded after running out of fuel: final blocks do not run for exceptions from
    inside a callee, which is documented.
    """

    def __init__(self, decisions):
        self.decisions = iter(decisions)
        self.trace = []
        self.is_over = False

    def c(self, key):
        """A condition."""
        self.trace.append(("c", key))
        try:
            return next(self.decisions)
        except StopIteration:
            self.is_over = True
            raise OutOfFuel from None

    def t(self, *values):
        """An effect, also on the value."""
        if not self.is_over:
            self.trace.append(values)
        return len(self.trace)

    def namespace(self):
        return {"c": self.c, "t": self.t}


def run(make, decisions):
    """All there is to see of a run: result or exception, and everything recorded."""
    machine = Machine(decisions)
    function = make(machine.namespace())
    array = [0]
    try:
        result = function(1, array)
    except (OutOfFuel, ValueError, AssertionError) as error:
        result = type(error).__name__, error.args
    return result, array, machine.trace


def compare(text, decisions):
    """Assert that the normalised program does what the original does."""

    def original(namespace):
        exec(compile(text, "<original>", "exec"), namespace)
        return namespace["f"]

    tree = normal_form(text)
    expected = run(original, decisions)
    actual = run(lambda namespace: compile_plain(tree, namespace), decisions)
    assert actual == expected, f"{text}\n{show(tree)}"


class Programs:
    """Random functions with all kinds of control flow, from a random number generator."""

    def __init__(self, rng):
        self.rng = rng
        self.count = 0

    def key(self):
        self.count += 1
        return self.count

    def function(self):
        head = "def f(x, a):\n    i = j = y = 0\n"
        return head + self.block(4, in_loop=False, in_try=False)

    def block(self, depth, *, in_loop, in_try, indent=1):
        size = self.rng.choice([1, 1, 2, 2, 3, 4])
        return "".join(
            self.statement(depth, in_loop=in_loop, in_try=in_try, indent=indent)
            for _ in range(size)
        )

    def test(self):
        k = self.key()
        return self.rng.choice(
            [f"c({k})", f"not c({k})", f"c({k}) and c({k}.5)", f"c({k}) or x > {k % 7}"]
        )

    def statement(self, depth, *, in_loop, in_try, indent):
        rng, pad = self.rng, "    " * indent
        simple = ["t", "x", "y", "a", "t"]
        jumps = ["return", "return small", "raise"] + ["break", "continue"] * 2 * in_loop
        nested = ["if", "if", "if", "for", "while", "try", "match", "for", "endless"]
        choices = simple + jumps * (indent > 1 or rng.random() < 0.1) + nested * 2 * (depth > 0)
        kind = rng.choice(choices)

        def block(*, in_loop=in_loop, in_try=in_try):
            return self.block(depth - 1, in_loop=in_loop, in_try=in_try, indent=indent + 1)

        def maybe_else(**kwargs):
            return f"{pad}else:\n{block(**kwargs)}" if rng.random() < 0.4 else ""

        k = self.key()
        match kind:
            case "t":
                return f"{pad}t({k}, i, j, x, y)\n"
            case "x":
                return f"{pad}x += {k}\n"
            case "y":
                return f"{pad}y = x = t({k})\n"
            case "a":
                return f"{pad}a[0] += {k}\n"
            case "return":
                return f"{pad}return t({k}, x, y, i)\n"
            case "return small":
                return pad + rng.choice(["return x + y\n", "return\n", "return -1\n"])
            case "raise":
                return pad + rng.choice([f"raise ValueError({k})\n", f"assert c({k}), {k}\n"])
            case "break" | "continue":
                return f"{pad}{kind}\n"
            case "if":
                return f"{pad}if {self.test()}:\n{block()}{maybe_else()}"
            case "for":
                name = rng.choice("ij")
                source = rng.choice(["range(2)", "range(x % 3)", "(x, y, 4)", f"[t({k})] * 3"])
                body = block(in_loop=True)
                return f"{pad}for {name} in {source}:\n{body}{maybe_else()}"
            case "while":
                return f"{pad}while {self.test()}:\n{block(in_loop=True)}{maybe_else()}"
            case "endless":
                first = f"{pad}    if {self.test()}:\n{pad}        break\n"
                first = first if rng.random() < 0.5 else f"{pad}    c({k})\n"
                body = block(in_loop=True)
                return f"{pad}while True:\n{first}{body}{maybe_else()}"
            case "try":
                final = f"{pad}    t({k}, x, i)\n"
                return f"{pad}try:\n{block(in_try=True)}{pad}finally:\n{final}"
            case "match":
                cases = f"{pad}    case 0 | 1:\n{self.indented(depth, in_loop, indent)}"
                cases += f"{pad}    case y if c({k}):\n{self.indented(depth, in_loop, indent)}"
                if rng.random() < 0.5:
                    cases += f"{pad}    case _:\n{self.indented(depth, in_loop, indent)}"
                return f"{pad}match x % 4:\n{cases}"
            case _:
                raise AssertionError(kind)

    def indented(self, depth, in_loop, indent):
        return self.block(depth - 1, in_loop=in_loop, in_try=False, indent=indent + 2)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.lists(st.booleans(), max_size=60))
def test_random_programs(seed, decisions):
    compare(Programs(random.Random(seed)).function(), decisions)


def test_many_random_programs():
    """More than hypothesis would try, with long runs."""
    for seed in range(100):
        rng = random.Random(seed)
        text = Programs(rng).function()
        for length in (3, 20, 200):
            compare(text, [rng.random() < 0.5 for _ in range(length)])


def test_the_programs_use_every_statement():
    texts = "".join(Programs(random.Random(seed)).function() for seed in range(400))
    for word in ("break", "continue", "return", "else", "finally", "match", "assert", "while"):
        assert texts.count(word) > 50, word


@pytest.mark.parametrize("name", [name for name, (text, _) in FORMS.items() if "for" in text])
def test_forms_with_loops_run(name):
    """The loop forms on lists, for the value of the loop variable afterwards."""
    text, _ = FORMS[name]
    arguments = {"n": 3, "x": 1 if "x > 1" in text or "x *=" in text else [3, 1, 2]}
    original, namespace = {}, {}
    exec(textwrap.dedent(text), original)
    normalised = compile_plain(normal_form(text), namespace)
    wanted = {k: v for k, v in arguments.items() if k in original["f"].__code__.co_varnames}
    assert normalised(**copy.deepcopy(wanted)) == original["f"](**copy.deepcopy(wanted))


def test_generators_keep_their_yields():
    text = """
    def f(n):
        for i in range(n):
            if i == 2:
                continue
            if i == 5:
                return
            yield i
    """
    tree = normal_form(text)
    assert isinstance(tree.body[-1].value, ast.Constant)
    assert list(compile_plain(tree, {})(9)) == [0, 1, 3, 4]


def test_loop_variable_keeps_its_value_after_break():
    text = (
        "def f(x):\n    i = 9\n    for i in x:\n        if i == 2:\n            break\n    return i"
    )
    function = compile_plain(normal_form(text), {})
    assert [function(x) for x in ([], [1], [1, 2, 3])] == [9, 1, 2]


def test_long_chains_of_returns():
    chain = "".join(f"    if x == {k}:\n        return {k}\n" for k in range(80))
    function = compile_plain(normal_form(f"def f(x):\n{chain}"), {})
    assert [function(0), function(79), function(80)] == [0, 79, None]
