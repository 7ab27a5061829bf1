"""Normalised programs do what the original does, in the promised form and with few flags."""

import ast
import copy
import random
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbad.errors import UnsupportedSyntax
from numbad.frontend.normalize import GuardedFor, hint, is_introduced, normalize
from numbad.frontend.source import load
from tests.frontend.normal_form import check_form, compile_plain, normal_form, show


def flags(function: ast.FunctionDef) -> set[str]:
    """All introduced names that a normalised tree binds."""
    return {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and is_introduced(node.id)
    }


# --- exact forms --------------------------------------------------------------------------------

FORMS = {
    "one return stays": (
        "def f(x):\n    y = x\n    return y",
        "def f(x):\n    y = x\n    return y",
    ),
    "no return": ("def f(x):\n    x[0] = 1", "def f(x):\n    x[0] = 1\n    return None"),
    "pass only": ("def f(x):\n    pass", "def f(x):\n    return None"),
    "early return": (
        """
        def f(x):
            if x < 0:
                return -x
            y = x * x
            return y
        """,
        """
        def f(x):
            if x < 0:
                .result = -x
            else:
                y = x * x
                .result = y
            return .result
        """,
    ),
    "bare returns": (
        """
        def f(x):
            if x[0] < 0:
                return
            x[0] = 1
        """,
        """
        def f(x):
            if not x[0] < 0:
                x[0] = 1
            return None
        """,
    ),
    "continue": (
        """
        def f(n):
            s = 0
            for i in range(n):
                if i % 2:
                    continue
                s += i
            return s
        """,
        """
        def f(n):
            s = 0
            for i in range(n):
                if not i % 2:
                    s += i
            return s
        """,
    ),
    "break": (
        """
        def f(x):
            for i in range(9):
                if x > 1:
                    break
                x *= 2
            return x
        """,
        """
        def f(x):
            .go1 = True
            for[.go1] i in range(9):
                if x > 1:
                    .go1 = False
                else:
                    x *= 2
            return x
        """,
    ),
    "for else": (
        """
        def f(x):
            for i in x:
                if i > 1:
                    break
            else:
                i = 7
            return i
        """,
        """
        def f(x):
            .go1 = True
            for[.go1] i in x:
                .go1 = not i > 1
            if .go1:
                i = 7
            return i
        """,
    ),
    "else of a loop without break": (
        """
        def f(x):
            while x < 3:
                x += 1
            else:
                x = 0
            return x
        """,
        """
        def f(x):
            while x < 3:
                x += 1
            x = 0
            return x
        """,
    ),
    "while true with leading break": (
        """
        def f(x):
            while True:
                if x < 1:
                    break
                x /= 2
            return x
        """,
        """
        def f(x):
            while not x < 1:
                x /= 2
            return x
        """,
    ),
    "while with leading breaks": (
        """
        def f(x, n):
            while n:
                if x < 1:
                    break
                if not x:
                    break
                x /= 2
            return x
        """,
        """
        def f(x, n):
            while n and (not x < 1) and x:
                x /= 2
            return x
        """,
    ),
    "do while": (
        """
        def f(x):
            while True:
                x /= 2
                if x < 1:
                    break
            return x
        """,
        """
        def f(x):
            .go1 = True
            while .go1:
                x /= 2
                .go1 = not x < 1
            return x
        """,
    ),
    "search": (
        """
        def f(x, n):
            for i in range(n):
                if x[i] > 0:
                    return i
            return -1
        """,
        """
        def f(x, n):
            .go1 = True
            for[.go1] i in range(n):
                if x[i] > 0:
                    .result = i
                    .go1 = False
            if .go1:
                .result = -1
            return .result
        """,
    ),
    "return out of two loops": (
        """
        def f(x, n):
            for i in range(n):
                for j in range(n):
                    if x[i] > x[j]:
                        return i
                x[i] = 0
        """,
        """
        def f(x, n):
            .go1 = True
            for[.go1] i in range(n):
                .go2 = True
                for[.go2] j in range(n):
                    if x[i] > x[j]:
                        .result = i
                        .go2 = False
                if .go2:
                    x[i] = 0
                else:
                    .go1 = False
            if .go1:
                .result = None
            return .result
        """,
    ),
    "a short rest is written twice": (
        """
        def f(x):
            if x > 1:
                if x > 2:
                    return 3
                x = 4
            return x
        """,
        """
        def f(x):
            if x > 1:
                if x > 2:
                    .result = 3
                else:
                    x = 4
                    .result = x
            else:
                .result = x
            return .result
        """,
    ),
    "a long rest is under a flag": (
        """
        def f(x):
            if x > 1:
                if x > 2:
                    return 3
                x = 4
            x += 1
            return x
        """,
        """
        def f(x):
            .go1 = True
            if x > 1:
                if x > 2:
                    .result = 3
                    .go1 = False
                else:
                    x = 4
            if .go1:
                x += 1
                .result = x
            return .result
        """,
    ),
    "return in an endless loop": (
        """
        def f(x):
            while True:
                x /= 2
                if x < 1:
                    return x
        """,
        """
        def f(x):
            .go1 = True
            while .go1:
                x /= 2
                if x < 1:
                    .result = x
                    .go1 = False
            return .result
        """,
    ),
    "assert": (
        """
        def f(x):
            assert x > 0, "negative"
            return x
        """,
        """
        def f(x):
            if not x > 0:
                raise AssertionError('negative')
            return x
        """,
    ),
    "small things": (
        '''
        def f(x):
            """Docstring."""
            y: float = x
            z: int
            del y, x[0]
            ...
            return x
        ''',
        """
        def f(x):
            y = x
            del x[0]
            return x
        """,
    ),
    "try finally": (
        """
        def f(x):
            try:
                if x:
                    return 1
                raise ValueError("no")
            finally:
                g(x)
        """,
        """
        def f(x):
            if x:
                .result = 1
            else:
                g(x)
                raise ValueError('no')
            g(x)
            return .result
        """,
    ),
    "match": (
        """
        def f(x):
            match x + 1:
                case 1 | 2:
                    return 0
                case None if x > 3:
                    y = 1
                case a.b as y:
                    pass
                case y if y:
                    y = 2
                case _:
                    y = 3
            return y
        """,
        """
        def f(x):
            .subject1 = x + 1
            if .subject1 == 1 or .subject1 == 2:
                .result = 0
            else:
                if .subject1 is None and x > 3:
                    y = 1
                elif .subject1 == a.b:
                    y = .subject1
                else:
                    y = .subject1
                    if y:
                        y = 2
                    else:
                        y = 3
                .result = y
            return .result
        """,
    ),
    "nested functions": (
        """
        def f(x):
            def g(y):
                if y:
                    return 1
                return 2
            return g(x)
        """,
        """
        def f(x):

            def g(y):
                if y:
                    .result = 1
                else:
                    .result = 2
                return .result
            return g(x)
        """,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_form(name):
    text, expected = FORMS[name]
    assert show(normal_form(text)).strip() == textwrap.dedent(expected).strip()


def test_positions_are_those_of_the_statements():
    function = normal_form(FORMS["search"][0])
    start, loop, after, last = function.body
    assert isinstance(loop, GuardedFor)
    assert (start.lineno, loop.lineno, after.lineno, last.lineno) == (2, 2, 2, 5)
    store, clear = loop.body[0].body
    assert store.lineno == clear.lineno == 4
    assert after.body[0].lineno == 5


def test_hint_is_an_identifier():
    for function, _ in FORMS.values():
        for name in flags(normal_form(function)):
            assert hint(name).isidentifier()


def test_normalize_is_done_once_per_code():
    def make(k):
        return lambda x: x + k

    assert normalize(load(make(1))) is normalize(load(make(2)))
    check_form(normalize(load(test_hint_is_an_identifier)))


# --- refused ------------------------------------------------------------------------------------

REFUSED = {
    "with": ("with open(x) as g:\n        pass", "A `with` block", 2),
    "except": ("try:\n        x\n    except ValueError:\n        x = 1", "`except`", 2),
    "except star": ("try:\n        x\n    except* ValueError:\n        x = 1", "`except*`", 2),
    "class": ("class A:\n        pass", "A class", 2),
    "async def": ("async def g():\n        pass", "`async def`", 2),
    "nested": ("def g():\n        with x:\n            pass", "A `with` block", 3),
    "unreachable": ("return x\n    with x:\n        pass", "A `with` block", 3),
    "return in finally": ("try:\n        x\n    finally:\n        return 1", "out of `finally`", 5),
    "break in finally": (
        "for i in x:\n        try:\n            x\n        finally:\n            break",
        "out of `finally`",
        6,
    ),
    "raise in try": (
        "try:\n        raise ValueError(x)\n    finally:\n        g(x)",
        "computed argument",
        3,
    ),
    "case sequence": ("match x:\n        case [a, b]:\n            pass", "takes its subject", 3),
    "case class": ("match x:\n        case int():\n            pass", "takes its subject", 3),
    "case or name": (
        "match x:\n        case 1 | [y]:\n            pass",
        "takes its subject",
        3,
    ),
    "case with all": ("match x:\n        case 1 as y if x:\n            pass", "and a guard", 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    body, what, line = REFUSED[name]
    with pytest.raises(UnsupportedSyntax, match="NB203") as caught:
        normal_form(f"def f(x):\n    {body}\n")
    error = caught.value
    assert what in error.what
    assert error.origin.line == line
    assert error.why
    assert error.remedy


def test_async_comprehension_is_refused():
    with pytest.raises(UnsupportedSyntax, match="async for"):
        normal_form("def f(x):\n    return [y async for y in x]")


# --- behaviour ----------------------------------------------------------------------------------


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
