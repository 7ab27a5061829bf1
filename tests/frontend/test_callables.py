"""Callables are unwrapped, and arguments bound as Python binds them."""

import ast
import ctypes
import functools
import inspect
import math
import operator
import textwrap

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbad.frontend.callables import Kind, bind_arguments, default_values, resolve_callable


def f(x, y=1):
    return x + y


@numba.njit(fastmath=True, error_model="numpy", boundscheck=False)
def jitted(x):
    return x


@numba.njit("float32(float32)")
def with_signature(x):
    return x


@numba.njit
def bare(x):
    return x


@numba.vectorize
def elementwise(x):
    return x


class Model:
    def __init__(self):
        self.w = 1.0

    def __call__(self, x):
        return self.w * x

    def method(self, x):
        return x

    @classmethod
    def of_class(cls, x):
        return x

    @staticmethod
    def of_none(x):
        return x

    @numba.njit
    def compiled(self):
        return 1.0


class CompiledCall:
    __call__ = numba.njit(lambda self: 1.0)


MODEL = Model()


def check(obj, function, args=(), kwargs=None, kind=Kind.PYTHON):
    callee = resolve_callable(obj)
    assert callee.kind is kind
    assert callee.function is function
    assert callee.args == args
    assert callee.kwargs == (kwargs or {})
    assert callee.identities[0] is obj
    if kind is Kind.PYTHON:
        assert callee.identities[-1] is function
    return callee


def test_plain_functions():
    check(f, f)
    check(check, check)


def test_partials():
    check(functools.partial(f, 1), f, (1,))
    check(functools.partial(f, y=2), f, (), {"y": 2})
    nested = functools.partial(functools.partial(f, 1, y=2), y=3)
    check(nested, f, (1,), {"y": 3})
    callee = check(functools.partial(jitted, 1), jitted.py_func, (1,))
    assert callee.options["fastmath"] is True
    assert jitted in callee.identities


def test_methods():
    check(MODEL.method, Model.method, (MODEL,))
    check(MODEL.of_class, Model.of_class.__func__, (Model,))
    check(MODEL.of_none, Model.of_none)
    check(Model.__dict__["of_none"], Model.of_none)
    check(functools.partial(MODEL.method, 2), Model.method, (MODEL, 2))
    check(MODEL.compiled, Model.compiled.py_func, (MODEL,))


def test_callable_objects():
    check(MODEL, Model.__call__, (MODEL,))
    obj = CompiledCall()
    check(obj, CompiledCall.__call__.py_func, (obj,))


def test_lru_cache():
    cached = functools.lru_cache(f)
    check(cached, f)


def test_dispatchers():
    callee = check(jitted, jitted.py_func)
    assert callee.options == {"fastmath": True, "error_model": "numpy", "boundscheck": False}
    assert callee.signatures == ()
    assert callee.identities == (jitted, jitted.py_func)
    assert resolve_callable(bare).options == {}


def test_declared_locals_are_told():
    typed = numba.njit(locals={"x": numba.float32})(lambda x: x)
    assert resolve_callable(typed).locals == {"x": numba.float32}


def test_declared_signatures_are_told():
    (signature,) = resolve_callable(with_signature).signatures
    assert signature.args == (numba.float32,)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: numba.jit(forceobj=True)(lambda x: x), "object mode"),
        (lambda: numba.cfunc("float64(float64)")(lambda x: x), "C callback"),
        (lambda: numba.guvectorize("(n)->(n)")(f), "generalised ufunc"),
        (lambda: np.vectorize(f, signature="(n)->()"), "np.vectorize"),
        (lambda: np.vectorize(f, excluded={1}), "np.vectorize"),
        (lambda: np.vectorize(math.sin), "no Python source"),
        (lambda: np.vectorize(MODEL.method), "bound"),
    ],
)
def test_opaque_with_a_reason(make, reason):
    callee = resolve_callable(make())
    assert callee.kind is Kind.OPAQUE
    assert reason in callee.reason


@pytest.mark.parametrize(
    "obj",
    [
        math.sin,
        np.sin,
        np.dot,
        np.linalg.solve,
        len,
        operator.truediv,
        operator.itemgetter(0),
        [].append,
        np.zeros(3).sum,
        ctypes.CFUNCTYPE(ctypes.c_double)(lambda: 1.0),
        np.frompyfunc(f, 2, 1),
    ],
)
def test_opaque(obj):
    callee = resolve_callable(obj)
    assert callee.kind is Kind.OPAQUE
    assert callee.target is obj
    assert callee.identities == (obj,)
    assert callee.reason == ""


def test_elementwise():
    check(elementwise, elementwise._dispatcher.py_func, kind=Kind.ELEMENTWISE)
    obj = np.vectorize(f)
    check(obj, f, kind=Kind.ELEMENTWISE)
    # A rule for f on numbers is not one for f on arrays.
    assert resolve_callable(obj).identities == (obj,)


def test_classes():
    for cls in (Model, float, np.float32, type):
        callee = resolve_callable(cls)
        assert callee.kind is Kind.CLASS
        assert callee.target is cls


class CUDADispatcher:
    """Stands for Numba's class of that name, on machines without it."""

    __module__ = "numba.cuda.dispatcher"

    def __init__(self, device):
        self.targetoptions = {"device": device}
        self.py_func = f

    def __call__(self):
        raise AssertionError


class FakeCUDAKernel:
    __module__ = "numba.cuda.simulator.kernel"

    def __init__(self, device):
        self._device = device
        self.fn = f

    def __call__(self):
        raise AssertionError


@pytest.mark.parametrize("cls", [CUDADispatcher, FakeCUDAKernel])
def test_cuda(cls):
    check(cls(True), f)
    assert "CUDA kernel" in resolve_callable(cls(False)).reason


@pytest.mark.parametrize("obj", [1, None, "f", [f]])
def test_not_callable(obj):
    with pytest.raises(TypeError, match="is not callable"):
        resolve_callable(obj)


# --- arguments ----------------------------------------------------------------------------------

SIGNATURES = [
    "",
    "a",
    "a, b",
    "a, b=1",
    "a=1, b=2, *c",
    "a, /, b",
    "a, b=1, /, c=2, *, d, e=4",
    "*, a",
    "*, a=1, b, c",
    "*a, b",
    "**k",
    "a, /, **k",
    "a, b, c, d",
    "a, *b, c=1, **d",
]


def define(signature):
    text = f"def f({signature}): return dict(locals())"
    namespace = {}
    exec(text, namespace)
    return namespace["f"], ast.parse(text).body[0]


def bound(node, function, args, kwargs):
    """What ``locals()`` is in the function, by ``bind_arguments``."""
    result = bind_arguments(node, args, kwargs)
    defaults = default_values(function)
    values = result.values | {name: defaults[name] for name in result.defaults}
    for star in (result.star, result.double_star):
        if star is not None:
            values[star[0]] = star[1]
    return values


def outcome(call):
    try:
        return call()
    except TypeError as error:
        return str(error)


@settings(deadline=None)
@given(
    st.sampled_from(SIGNATURES),
    st.lists(st.integers(), max_size=5),
    st.dictionaries(st.sampled_from("abcdez"), st.integers(), max_size=4),
)
def test_binding_is_that_of_python(signature, args, kwargs):
    function, node = define(signature)
    expected = outcome(lambda: function(*args, **kwargs))
    assert outcome(lambda: bound(node, function, args, kwargs)) == expected


def test_every_signature_has_its_errors():
    """All small calls, so that each error message is met."""
    messages = set()
    for signature in SIGNATURES:
        function, node = define(signature)
        for count in range(6):
            for names in ("", "a", "b", "ab", "cd", "z", "abcd", "de"):
                args, kwargs = list(range(count)), dict.fromkeys(names, 9)
                expected = outcome(lambda: function(*args, **kwargs))
                assert outcome(lambda: bound(node, function, args, kwargs)) == expected
                if isinstance(expected, str):
                    messages.add(" ".join(w for w in expected.split() if w.isalpha()))
    assert len(messages) > 10


def test_names_in_errors():
    node = ast.parse("lambda x: x", mode="eval").body
    with pytest.raises(
        TypeError, match=r"^<lambda>\(\) missing 1 required positional argument: 'x'"
    ):
        bind_arguments(node, (), {})
    with pytest.raises(TypeError, match=r"^A\.f\(\) missing"):
        bind_arguments(node, (), {}, name="A.f")


def test_default_values():
    def g(a, b=1, /, c=2, *d, e, h=3, **k):
        return a

    assert default_values(g) == {"b": 1, "c": 2, "h": 3}
    assert default_values(f) == {"y": 1}
    assert default_values(lambda: 0) == {}


def test_symbols_are_passed_through():
    source = textwrap.dedent(inspect.getsource(f))
    symbol = object()
    assert bind_arguments(ast.parse(source).body[0], [symbol], {}).values["x"] is symbol
