"""Implicit parameters: ``Params`` and ``Grads``."""

import gc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbad
from numbad import Grads, GradsKeyError, Params, copyto, gradient, pullback, withgradient

W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = np.array([0.5, -0.5])
STORE = {"inner": [np.array([2.0, 3.0])]}


def linear(x):
    return W @ x + B


def test_arrays_of_a_closure():
    x = np.array([[1, 2, 3], [4, 5, 6]])
    y = np.array([7, 8])
    z = np.array([1, 10, 100])
    g = gradient(lambda: np.sum(x * y[:, None] * z), Params([x, y]), engine="compiled")
    assert_array_equal(g[x], [[7, 70, 700], [8, 80, 800]])
    assert_array_equal(g[y], [321, 654])
    assert z not in g
    assert x in g


def test_global_arrays_through_a_callee():
    x = np.array([1.0, 2.0, 3.0])
    g = gradient(lambda: np.sum(linear(x)), Params([W, B]), engine="compiled")
    assert_array_equal(g[W], [x, x])
    assert_array_equal(g[B], [1.0, 1.0])


def test_list_of_numbers():
    w = [3.0]
    res = withgradient(lambda: np.sum(np.abs(w) ** 2), Params([w]), engine="compiled")
    assert res.val == 9.0
    assert res.grad[w] == [6.0]


def test_nested_lists_have_nested_gradients():
    x, y = [[1, 2, 3], [4, 5, 6]], [7, 8]
    g = gradient(lambda: np.sum(np.array(x) * np.array(y)[:, None]), Params([x, y]))
    assert g[x] == [[7.0, 7.0, 7.0], [8.0, 8.0, 8.0]]
    assert g[y] == [6.0, 15.0]


def test_jacobian():
    xs = np.array([[1.0, 2.0], [3.0, 4.0]])
    ys = np.array([5.0, 7.0, 9.0])
    f = lambda: ys[:2] + np.sum(xs**2)
    j = numbad.jacobian(f, Params([xs, ys]))
    assert_array_equal(j[ys], [[1, 0, 0], [0, 1, 0]])
    assert_array_equal(j[xs], [[2, 4, 6, 8], [2, 4, 6, 8]])
    assert_array_equal(
        numbad.jacobian(f, Params([xs]), order="F")[xs], [[2, 6, 4, 8], [2, 6, 4, 8]]
    )
    assert_array_equal(numbad.withjacobian(lambda: np.sum(xs), Params([xs])).grad[xs], [[1] * 4])


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0])
        self.parts = {"c": np.ones(2)}
        self.k = 2.0

    def __call__(self, x):
        return self.w * x + self.parts["c"]

    def loss(self):
        return np.sum(self(3.0) ** 2)


def test_arrays_of_attributes_and_containers():
    m = Model()
    for f in (m.loss, lambda: m.loss()):
        g = gradient(f, Params([m.w, m.parts["c"]]))
        assert_array_equal(g[m.w], [24.0, 42.0])
        assert_array_equal(g[m.parts["c"]], [8.0, 14.0])
    g = gradient(lambda: np.sum(STORE["inner"][0] ** 2), Params([STORE["inner"][0]]))
    assert_array_equal(*g, [4.0, 6.0])


def test_containers_as_parameters():
    m = Model()
    got = gradient(m.loss, Params([m]))[m]
    assert got._fields == ("w", "parts", "k")
    assert_array_equal(got.w, [24.0, 42.0])
    assert_array_equal(got.parts["c"], [8.0, 14.0])
    assert got.k is None


def test_keyword_arguments_count():
    u = {"a": np.array([1.0, 2.0])}
    g = gradient(lambda *, u: np.sum(u["a"] ** 2), Params([u["a"]]), u=u)
    assert_array_equal(g[u["a"]], [2.0, 4.0])


def test_an_array_with_two_names_is_one_parameter():
    w = np.array([2.0, 3.0])
    v = w
    assert_array_equal(gradient(lambda: np.sum(v * w), Params([w, v]))[w], [4.0, 6.0])


def test_rebinding_a_name_moves_the_gradient():
    w = first = np.ones(2)
    second = np.ones(2)
    f = lambda: np.sum(w * w)
    ps = Params([first, second])
    assert list(map(type, gradient(f, ps))) == [np.ndarray, type(None)]
    w = second
    assert list(map(type, gradient(f, ps))) == [type(None), np.ndarray]


def test_none_zeros_and_wrong_use():
    x = np.ones(2)
    ps = Params([W, B])
    g = gradient(lambda: np.sum(B), ps)
    assert g[W] is None
    assert_array_equal(gradient(lambda: np.sum(B), ps, zeros=True)[W], np.zeros((2, 3)))
    with pytest.raises(TypeError, match="takes none"):
        gradient(lambda x: np.sum(x * B), x, ps)
    with pytest.raises(GradsKeyError):
        g[x]
    with pytest.raises(KeyError):
        g[x] = 1.0
    with pytest.raises(ValueError, match="identity"):
        g[B.copy()]
    assert g.get(x) is None


def test_pullback():
    x = np.array([1.0, 2.0, 3.0])
    y, back = pullback(lambda: linear(x), Params([W, B]))
    assert_allclose(y, W @ x + B)
    for seed in ([1.0, 10.0], [2.0, 0.0]):
        g = back(np.array(seed))
        assert isinstance(g, Grads)
        assert_array_equal(g[W], np.outer(seed, x))
        assert_array_equal(g[B], seed)


def test_changed_parameters_are_differentiated_at_entry():
    w = np.array([2.0, 3.0])

    def f():
        w[0] = w[0] * w[1]
        return w[0] ** 2

    assert_array_equal(gradient(f, Params([w]))[w], [36.0, 24.0])
    assert_array_equal(w, [6.0, 3.0])


@pytest.mark.parametrize("wrong", [1.0, 2, "a", None, (1.0,), np.float64(2.0), True, np.sin])
def test_only_what_has_an_identity_is_a_parameter(wrong):
    with pytest.raises(TypeError, match="parameter must be"):
        Params([wrong])


def test_an_array_is_not_a_set():
    with pytest.raises(TypeError, match=r"Params\(\[x\]\)"):
        Params(W)


def test_set_operations():
    a, b, c = (np.zeros(n) for n in (1, 2, 3))
    ab, bc = Params([a, b]), Params([b, c])
    assert ab | bc == Params([a, b, c])
    assert ab & bc == Params([b])
    assert ab - bc == Params([a])
    assert list(map(id, ab | [c])) == [id(a), id(b), id(c)]
    assert len(Params([a, a, b])) == 2
    assert a in ab
    assert a.copy() not in ab
    assert ab[1] is b
    d = ab.copy()
    d.discard(a)
    d.discard(c)
    d.add(c)
    assert d == bc
    assert len(ab) == 2
    assert Params() == Params([])
    assert not Params()


def test_parameters_are_kept_alive():
    ps = Params([np.ones(3) for _ in range(20)])
    gc.collect()
    assert len(ps) == 20
    assert len({id(p) for p in ps}) == 20


def pair_of_grads():
    ps = Params([W, B])
    x = np.array([1.0, 2.0, 3.0])
    return gradient(lambda: np.sum(linear(x)), ps), gradient(lambda: np.sum(B**2), ps)


def test_algebra():
    one, two = pair_of_grads()
    total = one + two
    assert_array_equal(total[W], one[W])
    assert_array_equal(total[B], [2.0, 0.0])
    assert_array_equal((two - one)[W], -one[W])
    assert_array_equal((2 * one - one / 2)[B], [1.5, 1.5])
    assert_array_equal((np.float64(3.0) * one)[B], [3.0, 3.0])
    assert_array_equal((-two)[B], [-1.0, 1.0])
    assert (two * 2)[W] is None
    assert total.params is one.params


def test_in_place_algebra_and_maps():
    one, two = pair_of_grads()
    kept = one
    one += {id(B): np.array([10.0, 20.0])}
    assert kept is one
    assert_array_equal(one[B], [11.0, 21.0])
    one -= two
    one *= 2.0
    one /= 4.0
    assert_array_equal(one[B], [5.0, 11.0])
    clipped = one.map(lambda g: np.clip(g, -0.1, 0.1))
    assert_array_equal(clipped[B], [0.1, 0.1])
    assert_array_equal(one[B], [5.0, 11.0])
    for g in one:
        np.clip(g, -1.0, 1.0, out=g)
    assert_array_equal(one[B], [1.0, 1.0])
    one[B] = np.zeros(2)
    assert [p is q for p, q in zip(one.keys(), (W, B), strict=True)] == [True, True]
    assert one.values()[1] is one[B]
    assert [p is q for (p, _), q in zip(one.items(), (W, B), strict=True)] == [True, True]
    assert_array_equal(one.map(lambda a, b: a + b, clipped)[B], [0.1, 0.1])
    copied = one.copy()
    copied[B][0] = 7.0
    assert one[B][0] == 0.0
    assert len(one) == 2


def test_gradients_of_different_sets_do_not_mix():
    one, _ = pair_of_grads()
    other = gradient(lambda: np.sum(B), Params([B]))
    with pytest.raises(GradsKeyError):
        one + other
    with pytest.raises(GradsKeyError):
        one += {id(object()): 1.0}
    with pytest.raises(GradsKeyError):
        one.map(lambda a, b: a, other)
    with pytest.raises(TypeError):
        one + 1.0
    with pytest.raises(TypeError):
        one * W
    with pytest.raises(TypeError):
        W * one


def test_copies_to_and_from_flat_arrays():
    a, b, c = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0]), [6.0, 7.0]
    ps = Params([a, b, c])
    flat = np.zeros(7)
    assert copyto(flat, ps) is flat
    assert_array_equal(flat, np.arange(1.0, 8.0))
    copyto(ps, 10.0 * flat)
    assert_array_equal(a, [[10.0, 20.0], [30.0, 40.0]])
    assert (b[0], c) == (50.0, [60.0, 70.0])
    g = gradient(lambda: np.sum(a * a) + c[0] * c[1], ps)
    copyto(flat, g)
    assert_array_equal(flat, [20.0, 40.0, 60.0, 80.0, 0.0, 70.0, 60.0])
    copyto(g, np.arange(7.0))
    assert_array_equal(g[a], [[0.0, 1.0], [2.0, 3.0]])
    assert_array_equal(g[b], [4.0])
    assert g[c] == [5.0, 6.0]
    for pair in ((np.zeros(6), ps), (ps, np.zeros(8)), (g, np.zeros(8)), (np.zeros((7, 1)), g)):
        with pytest.raises(ValueError, match="elements"):
            copyto(*pair)
    with pytest.raises(TypeError):
        copyto(ps, g)


def test_a_step_of_gradient_descent():
    w, b = np.zeros(2), np.zeros(1)
    xs, ys = np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 1.0]]), np.array([5.0, 5.0, 2.0])

    def loss():
        return np.sum((xs @ w + b[0] - ys) ** 2)

    ps = Params([w, b])
    before = loss()
    for _ in range(200):
        for p, g in gradient(loss, ps).items():
            p -= 0.03 * g
    assert loss() < 1e-3 * before
