"""Globals, closure cells and attributes are read at call time; the rest is a dependency."""

import functools
import math
import types

import numpy as np

from tests.frontend.building import built, run, same

SCALE = 2.5
WEIGHTS = np.array([1.0, 2.0, 3.0])
COEFFICIENTS = (1.0, 2.0, 3.0)
SETTINGS = {"a": 2.0, "list": [1.0, 2.0]}
COUNT = 3
VERBOSE = True
inner = types.SimpleNamespace(z=5.0)
model = types.SimpleNamespace(w=np.array([1.0, 2.0]), k=3.0, sub=inner)


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0])
        self.b = 0.5
        self.name = "m"
        self.layers = [1.0, 2.0]
        self.settings = {"s": 3.0}

    def forward(self, x):
        return x * self.w[0] + self.b + self.layers[1] * self.settings["s"]

    def __call__(self, x):
        return self.forward(x) * self.w[1]


def uses_globals(x):
    s = SCALE * x
    for i in range(COUNT):
        s += WEIGHTS[i] * COEFFICIENTS[i]
    for c in COEFFICIENTS:
        s = s * 0.5 + c
    if VERBOSE:
        s += SETTINGS["a"] + SETTINGS["list"][1]
    return s + model.w[1] * model.k + model.sub.z + math.pi


def test_globals_of_every_kind():
    same(uses_globals, 2.0)


def test_numbers_are_parameters_and_modules_constants():
    def f(x):
        return x * SCALE * math.pi

    program = built(f, 2.0)
    assert len(program.parameters) == 2
    assert program.parameters[1].path[0][0] == "global"


def test_a_changed_global_is_seen_without_building_again(monkeypatch):
    def f(x):
        return x * SCALE

    program = built(f, 2.0)
    monkeypatch.setitem(globals(), "SCALE", 10.0)
    assert run(program, f, (2.0,), {}) == 20.0
    assert all(dependency.holds(f) for dependency in program.dependencies)


def test_closure_cells_are_read_through_the_function():
    def make(k):
        def f(x):
            return k * x

        return f

    first, second = make(2.0), make(5.0)
    program = built(first, 3.0)
    assert run(program, second, (3.0,), {}) == 15.0
    assert all(dependency.holds(second) for dependency in program.dependencies)


def helper(x):
    return x * x


def test_a_redefined_callee_is_noticed(monkeypatch):
    def f(x):
        return helper(x)

    program = built(f, 2.0)
    assert all(dependency.holds(f) for dependency in program.dependencies)
    monkeypatch.setitem(globals(), "helper", lambda x: -x)
    assert not all(dependency.holds(f) for dependency in program.dependencies)


def test_a_number_that_decides_structure_is_a_dependency(monkeypatch):
    pair = (lambda x: x, lambda x: -x)

    def f(x):
        return pair[COUNT - 2](x)

    same(f, 2.0)


def test_a_switch_is_a_dependency(monkeypatch):
    def f(x):
        return x if VERBOSE else -x

    program = built(f, 2.0)
    monkeypatch.setitem(globals(), "VERBOSE", False)
    assert not all(dependency.holds(f) for dependency in program.dependencies)


def test_methods_and_callable_objects():
    net = Model()
    same(net.forward, 2.0)
    same(net, 2.0)
    same(lambda m, x: m(x) * m.w[0], net, 2.0)


def test_a_redefined_method_is_noticed(monkeypatch):
    net = Model()
    program = built(net, 2.0)
    assert all(dependency.holds(net) for dependency in program.dependencies)
    monkeypatch.setattr(Model, "forward", lambda self, x: x)
    assert not all(dependency.holds(net) for dependency in program.dependencies)


def test_partial():
    same(functools.partial(lambda a, b, c: a * b - c, 2.0, c=3.0), 2.0)


def test_functions_without_source_as_entry():
    import operator

    same(operator.truediv, 1, 2)
    same(math.atan2, 1.0, 2.0)
    same(math.prod, [1.0, 2.0, 3.0])
    same(np.sum, WEIGHTS)
    same(sum, (1.0, 2.0))
