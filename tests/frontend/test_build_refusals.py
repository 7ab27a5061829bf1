"""What the front end refuses: at the right line, with the right words, never silently."""

import dataclasses

import numpy as np
import pytest
from numba import typed

from numbad.errors import (
    DifferentiationError,
    NoRule,
    SourceUnavailable,
    TypeInferenceFailed,
    UnsupportedSyntax,
)
from tests.frontend.building import built

x5 = np.array([0.3, 1.2, -0.7, 2.1, 0.9])
ITEMS = []
TABLE = {}
COUNTER = 1.0


class Plain:
    def __init__(self):
        self.v = 1.0


@dataclasses.dataclass(frozen=True)
class Frozen:
    v: float


plain = Plain()


def read_before_bound(x):
    for i in range(3):
        s = q * x[i]  # noqa: F821
        q = 1.0
    return s


def unknown_name(x):
    return undefined_thing * 2  # noqa: F821


def types_conflict(x):
    y = x if x[0] > 0 else 1.0
    return y


def lengths_conflict(x):
    y = (1.0, 2.0) if x[0] > 0 else (1.0,)
    return y


def endless_recursion(x):
    return endless_recursion(x)


def uses_typed_dict(x):
    values = typed.Dict()
    values[1] = x
    return values[1]


def reads_record(r):
    return r[0]["a"]


def formats(x):
    return float(f"{x}")


def generator_of_numpy(x):
    return np.random.default_rng(0).normal() * x


def identifies(x):
    return id(x) * x[0]


def dynamic_key(x):
    return {x: 1.0}[x]


def generator_twice(x):
    g = (v for v in x)
    return sum(g) + sum(g)


def zip_twice(x):
    pairs = zip(x, x)
    s = 0.0
    for a, b in pairs:
        s += a * b
    for a, b in pairs:
        s += a * b
    return s


def generator_in_loop(x):
    g = (v for v in x)
    s = 0.0
    for _ in range(2):
        s += sum(g)
    return s


def changes_one_of_two(x):
    a = [x[0]]
    b = [x[1]]
    c = a if x[0] > 0 else b
    c[0] = 5.0
    return a[0]


def changes_rotated(x):
    a = [x[0], x[1]]
    keep = a
    for _ in range(len(x)):
        a[0] += 1.0
        a = [a[1], a[0]]
    return keep[0]


def changes_frozen(x):
    f = Frozen(x)
    f.v = 2.0
    return f.v


def no_attribute(x):
    return x.foo


def calls_number(x):
    return x(3)


def missing_argument(x):
    def f(a, b):
        return a

    return f(x)


def text_plus_number(s, x):
    return s + x


def returns_function(x):
    return lambda: x


def grows_while_looping(x):
    values = [x[0], x[1]]
    for v in values:
        values.append(v)
    return values[0]


def leaves_generator(x):
    def g():
        for v in x:
            yield v

    for v in g():
        if v < 0:
            break
    return v


CASES = [
    (read_before_bound, (x5,), UnsupportedSyntax, "`q` is read in this loop before it is bound"),
    (unknown_name, (2.0,), UnsupportedSyntax, "`undefined_thing` is not defined"),
    (types_conflict, (x5,), TypeInferenceFailed, "`y` holds here depends on the path"),
    (lengths_conflict, (x5,), TypeInferenceFailed, "a tuple of different lengths"),
    (endless_recursion, (2.0,), UnsupportedSyntax, "never ends"),
    (uses_typed_dict, (2.0,), UnsupportedSyntax, "`numba.typed.Dict` is not supported"),
    (reads_record, (np.zeros(3, [("a", float)]),), UnsupportedSyntax, "an array of dtype"),
    (formats, (2.0,), UnsupportedSyntax, "f-string must be known"),
    (generator_of_numpy, (2.0,), NoRule, "`default_rng` cannot be differentiated"),
    (identifies, (x5,), UnsupportedSyntax, "`id` is not supported"),
    (dynamic_key, (2.0,), UnsupportedSyntax, "key of a dict must be known"),
    (generator_twice, (x5,), UnsupportedSyntax, "consumed a second time"),
    (zip_twice, (x5,), UnsupportedSyntax, "consumed a second time"),
    (generator_in_loop, (x5,), UnsupportedSyntax, "made before a loop is consumed inside it"),
    (changes_one_of_two, (x5,), UnsupportedSyntax, "may be one of several objects"),
    (changes_rotated, (x5,), UnsupportedSyntax, "may be one of several objects"),
    (changes_frozen, (2.0,), UnsupportedSyntax, "`Frozen` is frozen"),
    (no_attribute, (2.0,), UnsupportedSyntax, "no attribute `foo`"),
    (calls_number, (2.0,), TypeInferenceFailed, "cannot be called"),
    (missing_argument, (2.0,), UnsupportedSyntax, "missing 1 required positional argument: 'b'"),
    (text_plus_number, ("a", 2.0), TypeInferenceFailed, "`+` cannot be applied to 'a'"),
    (returns_function, (2.0,), UnsupportedSyntax, "returns the function"),
    (grows_while_looping, (x5,), UnsupportedSyntax, "changes its length while a loop"),
    (leaves_generator, (x5,), UnsupportedSyntax, "generator is left early"),
]


@pytest.mark.parametrize(
    ("function", "args", "error", "words"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_refused(function, args, error, words):
    with pytest.raises(error) as caught:
        built(function, *args)
    assert words in str(caught.value)


def test_the_error_is_at_the_line_of_the_fault():
    with pytest.raises(UnsupportedSyntax) as caught:
        built(identifies, x5)
    origin = caught.value.origin
    assert origin is not None
    assert origin.text == "return id(x) * x[0]"
    assert origin.line == identifies.__code__.co_firstlineno + 1


def test_the_error_in_a_callee_tells_where_it_was_called():
    def caller(x):
        y = identifies(x)
        return y

    with pytest.raises(UnsupportedSyntax) as caught:
        built(caller, x5)
    assert caught.value.origin.text == "return id(x) * x[0]"
    assert "Called from" in str(caught.value)
    assert "y = identifies(x)" in str(caught.value)


def test_a_function_without_source():
    namespace = {}
    exec("def nosource(x): return x", namespace)
    with pytest.raises(SourceUnavailable):
        built(namespace["nosource"], 2.0)


def test_what_python_raises_is_raised_by_the_program():
    def f(t, n):
        return t[5] if n > 0 else t[0]

    program = built(f, (1.0, 2.0), 0)
    from tests.frontend.building import run

    assert run(program, f, ((1.0, 2.0), 0), {}) == 1.0
    with pytest.raises(IndexError):
        run(program, f, ((1.0, 2.0), 1), {})


def test_all_refusals_are_type_errors():
    for function, args, _, _ in CASES:
        with pytest.raises(TypeError):
            built(function, *args)
        with pytest.raises(DifferentiationError):
            built(function, *args)
