"""Products of arrays, and factorisations of matrices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from numbad.kernels.factors import (
    eig_packed,
    eigh_packed,
    eigvals_plain,
    pseudo_inverse,
    qr_packed,
    slogdet_packed,
    svd_packed,
)
from numbad.traced.activity import level_in, mapped, settle, strip, takes_part
from numbad.traced.bodies import conjugate, is_array
from numbad.traced.dispatch import fitted, pairwise
from numbad.traced.levels import beneath
from numbad.traced.reductions import _operand, root_or_zero
from numbad.traced.registry import handles
from numbad.traced.values import TracedArray, hooks, plain, wrap


def _ndim(value: Any) -> int:
    return np.ndim(plain(value))


@handles(np.dot, method="dot")
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    a, b = _operand(a), _operand(b)
    if _ndim(a) == 0 or _ndim(b) == 0:
        found = hooks.call(operator.mul, a, b)
    elif _ndim(a) <= 2 and _ndim(b) <= 2:
        found = pairwise(np.dot, a, b)
    else:
        found = hooks.call(np.tensordot, a, b, (_ndim(a) - 1, max(_ndim(b) - 2, 0)))
    if out is not None:
        hooks.set_item(wrap(out), Ellipsis, found)
        return wrap(out)
    return found


@handles(np.matmul, operator.matmul)
def matmul(a: Any, b: Any) -> Any:
    """``a @ b``, stacks of matrices included."""
    a, b = _operand(a), _operand(b)
    if _ndim(a) == 0 or _ndim(b) == 0:
        return np.matmul(plain(a), plain(b))
    if _ndim(a) <= 2 and _ndim(b) <= 2:
        return pairwise(np.matmul, a, b)
    left = "ij"[-min(_ndim(a), 2) :] if _ndim(a) > 1 else "j"
    right = "jk" if _ndim(b) > 1 else "j"
    result = (left[0] if _ndim(a) > 1 else "") + (right[1] if _ndim(b) > 1 else "")
    return hooks.call(np.einsum, f"...{left},...{right}->...{result}", a, b)


@handles(np.inner)
def _inner(a: Any, b: Any) -> Any:
    a, b = _operand(a), _operand(b)
    if _ndim(a) == 0 or _ndim(b) == 0:
        return hooks.call(operator.mul, a, b)
    return hooks.call(np.tensordot, a, b, (_ndim(a) - 1, _ndim(b) - 1))


@handles(np.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    a, b = (hooks.call(np.reshape, _operand(each), (-1,)) for each in (a, b))
    found = hooks.get_item(wrap(a), (slice(None), None)) * b
    if out is not None:
        hooks.set_item(wrap(out), Ellipsis, found)
        return wrap(out)
    return found


@handles(np.vdot)
def _vdot(a: Any, b: Any) -> Any:
    a, b = (hooks.call(np.reshape, _operand(each), (-1,)) for each in (a, b))
    return _dot(conjugate(a), b)


@handles(np.vecdot)
def _vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    return hooks.call(np.sum, conjugate(_operand(a)) * _operand(b), axis=axis)


@handles(np.matvec)
def _matvec(a: Any, b: Any) -> Any:
    return hooks.call(np.einsum, "...ij,...j->...i", a, b)


@handles(np.vecmat)
def _vecmat(a: Any, b: Any) -> Any:
    return hooks.call(np.einsum, "...i,...ij->...j", conjugate(_operand(a)), b)


@handles(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = _operand(a), _operand(b)
    axes = mapped(plain, axes)
    if np.ndim(axes) == 0:
        count = int(axes)
        first = list(range(_ndim(a) - count, _ndim(a)))
        second = list(range(count))
    else:
        first, second = ([one] if np.ndim(one) == 0 else list(one) for one in axes)
    first = [one % _ndim(a) for one in first]
    second = [one % _ndim(b) for one in second]
    left = list(range(_ndim(a)))
    right = list(range(_ndim(a), _ndim(a) + _ndim(b)))
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    result = [i for k, i in enumerate(left) if k not in first]
    result += [j for k, j in enumerate(right) if k not in second]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = ["".join(letters[i] for i in part) for part in (left, right, result)]
    return hooks.call(np.einsum, f"{names[0]},{names[1]}->{names[2]}", a, b)


@handles(np.kron)
def _kron(a: Any, b: Any) -> Any:
    a, b = _operand(a), _operand(b)
    n = max(_ndim(a), _ndim(b))
    if n == 0:
        return a * b
    shapes = [(1,) * (n - _ndim(each)) + np.shape(plain(each)) for each in (a, b)]
    left = hooks.call(
        np.reshape, a, tuple(m for pair in zip(shapes[0], (1,) * n, strict=True) for m in pair)
    )
    right = hooks.call(
        np.reshape, b, tuple(m for pair in zip((1,) * n, shapes[1], strict=True) for m in pair)
    )
    return hooks.call(np.reshape, left * right, tuple(i * j for i, j in zip(*shapes, strict=True)))


# --- einsum -----------------------------------------------------------------------------------


@handles(np.einsum)
def _einsum(*args: Any, out: Any = None, **kwargs: Any) -> Any:
    if not isinstance(args[0], str):
        raise TypeError("np.einsum is differentiated with subscripts given as a string.")
    operands = [_operand(each) for each in args[1:]]
    terms, result = _parsed(args[0], [_ndim(each) for each in operands])
    found = contract(terms, result, operands)
    if out is not None:
        hooks.set_item(wrap(out), Ellipsis, found)
        return wrap(out)
    return found


def _parsed(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """Return the subscripts of the operands and of the result, with a letter for each axis."""
    text = subscripts.replace(" ", "")
    given, arrow, result = text.partition("->")
    terms = given.split(",")
    if len(terms) != len(ndims):
        raise ValueError("einsum: the number of operands differs from that of the subscripts")
    unused = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in text]
    extra = [
        n - len(term.replace("...", "")) if "..." in term else 0
        for term, n in zip(terms, ndims, strict=True)
    ]
    most = max(extra, default=0)
    stars = "".join(unused[:most])
    terms = [
        term.replace("...", stars[most - count :] if count else "")
        for term, count in zip(terms, extra, strict=True)
    ]
    if arrow:
        return terms, result.replace("...", stars)
    every = "".join(terms)
    alone = sorted(c for c in set(every) if every.count(c) == 1 and c not in stars)
    return terms, stars + "".join(alone)


def contract(terms: list[str], result: str, operands: list[Any]) -> Any:
    """Contract arrays; linear in each of them."""
    operands = [settle(each) for each in operands]
    level = level_in(operands)
    if level is None:
        return wrap(np.einsum(",".join(terms) + "->" + result, *map(plain, operands)))
    lower = [strip(each, level) for each in operands]
    active = [i for i, each in enumerate(operands) if takes_part(each, level)]
    with beneath(level):
        y = contract(terms, result, lower)
        kept = [hooks.call(np.copy, each) if is_array(each) else each for each in lower]

    def push(tangents: list[Any]) -> Any:
        total = None
        for i, tangent in zip(active, tangents, strict=True):
            term = contract(terms, result, [*kept[:i], tangent, *kept[i + 1 :]])
            total = term if total is None else total + term
        return total

    def pull(y_bar: Any) -> list[Any]:
        return [_contracted_back(terms, result, kept, i, y_bar) for i in active]

    return level.record(y, [operands[i] for i in active], push, pull)


def _contracted_back(terms: list[str], result: str, operands: list[Any], i: int, y_bar: Any) -> Any:
    """Return the cotangent of one operand of a contraction."""
    own = terms[i]
    sizes: dict[str, int] = {}
    for term, each in zip(terms, operands, strict=True):
        for letter, n in zip(term, np.shape(plain(each)), strict=True):
            sizes[letter] = max(sizes.get(letter, 1), n)
    others = [each for j, each in enumerate(operands) if j != i]
    other_terms = [term for j, term in enumerate(terms) if j != i]
    distinct = "".join(dict.fromkeys(own))
    reachable = set(result).union(*other_terms) if other_terms else set(result)
    inner = "".join(c for c in distinct if c in reachable)
    found = contract([result, *other_terms], inner, [y_bar, *(conjugate(each) for each in others)])
    # Axes that only this operand has were summed: each element gets the same.
    shape = tuple(sizes[c] if c in inner else 1 for c in distinct)
    found = hooks.call(np.reshape, found, shape)
    found = hooks.call(np.broadcast_to, found, tuple(sizes[c] for c in distinct))
    if len(distinct) != len(own):
        # A repeated letter reads the diagonal.
        full = TracedArray(np.zeros([sizes[c] for c in own], plain(found).dtype))
        grid = np.indices([sizes[c] for c in distinct])
        hooks.set_item(full, tuple(grid[distinct.index(c)] for c in own), found)
        found = full
    return fitted(found, operands[i])


# --- linear algebra ---------------------------------------------------------------------------


def _matrix(a: Any, name: str) -> Any:
    a = _operand(a)
    if _ndim(a) != 2:
        raise TypeError(f"np.linalg.{name} is differentiated for single matrices.")
    return a if plain(a).dtype.kind in "fc" else hooks.call(np.copy, a) * 1.0


for _name in ("inv", "det", "cholesky", "eigvalsh"):

    def _single(a: Any, _name: str = _name, **kwargs: Any) -> Any:
        return pairwise(getattr(np.linalg, _name), _matrix(a, _name))

    handles(getattr(np.linalg, _name))(_single)


@handles(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    b = _operand(b)
    return pairwise(
        np.linalg.solve, _matrix(a, "solve"), b if plain(b).dtype.kind in "fc" else b * 1.0
    )


@handles(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, **kwargs: Any) -> Any:
    return pairwise(pseudo_inverse, _matrix(a, "pinv"), 1e-15 if rcond is None else plain(rcond))


@handles(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    packed = pairwise(slogdet_packed, _matrix(a, "slogdet"))
    kind = type(np.linalg.slogdet(np.eye(1)))
    return kind(hooks.get_item(packed, 0), _real_part(hooks.get_item(packed, 1)))


def _real_part(values: Any) -> Any:
    """Return values that are real although they are packed with complex ones."""
    return hooks.call(np.real, values) if plain(values).dtype.kind == "c" else values


@handles(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    a = _matrix(a, "eigh")
    n = plain(a).shape[0]
    packed = pairwise(eigh_packed, a)
    kind = type(np.linalg.eigh(np.eye(1)))
    return kind(_real_part(packed[:n]), hooks.call(np.reshape, packed[n:], (n, n)))


def _with_complex_values(a: Any, values: np.ndarray[Any, Any]) -> Any:
    """Return a matrix as complex if its eigenvalues are."""
    return a * (1.0 + 0.0j) if values.dtype.kind == "c" and plain(a).dtype.kind != "c" else a


@handles(np.linalg.eigvals)
def _eigvals(a: Any) -> Any:
    a = _matrix(a, "eigvals")
    return pairwise(eigvals_plain, _with_complex_values(a, np.linalg.eigvals(plain(a))))


@handles(np.linalg.eig)
def _eig(a: Any) -> Any:
    a = _matrix(a, "eig")
    n = plain(a).shape[0]
    packed = pairwise(eig_packed, _with_complex_values(a, np.linalg.eigvals(plain(a))))
    kind = type(np.linalg.eig(np.eye(1)))
    return kind(packed[:n], hooks.call(np.reshape, packed[n:], (n, n)))


@handles(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode != "reduced":
        raise TypeError("np.linalg.qr is differentiated with mode='reduced'.")
    a = _matrix(a, "qr")
    m, n = plain(a).shape
    k = min(m, n)
    packed = pairwise(qr_packed, a)
    kind = type(np.linalg.qr(np.eye(1)))
    return kind(
        hooks.call(np.reshape, packed[: m * k], (m, k)),
        hooks.call(np.reshape, packed[m * k :], (k, n)),
    )


@handles(np.linalg.svd)
def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    a = _matrix(a, "svd")
    m, n = plain(a).shape
    k = min(m, n)
    full = bool(full_matrices and compute_uv)
    rows, columns = (m, n) if full else (k, k)
    packed = pairwise(svd_packed, a, full)
    s = _real_part(packed[m * rows : m * rows + k])
    if not compute_uv:
        return s
    kind = type(np.linalg.svd(np.eye(1)))
    return kind(
        hooks.call(np.reshape, packed[: m * rows], (m, rows)),
        s,
        hooks.call(np.reshape, packed[m * rows + k :], (columns, n)),
    )


@handles(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    x = _operand(x)
    matrix = isinstance(axis, tuple) or (axis is None and _ndim(x) == 2 and ord is not None)
    if matrix and ord not in (None, "fro"):
        from numbad.frontend.arrays.registry import DECOMPOSITIONS

        return hooks.call(DECOMPOSITIONS[np.linalg.norm], x, ord, axis, keepdims)
    keep = keepdims is True
    if ord is None or ord in ("fro", 2):
        squares = x * conjugate(x)
        squares = hooks.call(np.real, squares) if plain(x).dtype.kind == "c" else squares
        return root_or_zero(hooks.call(np.sum, squares * 1.0, axis=axis, keepdims=keep))
    sizes = hooks.call(np.abs, x)
    if ord in (np.inf, -np.inf):
        return hooks.call(np.max if ord > 0 else np.min, sizes, axis=axis, keepdims=keep)
    if ord == 0:
        return wrap(np.sum(plain(x) != 0, axis=axis, keepdims=keep) * 1.0)
    total = hooks.call(np.sum, sizes**ord if ord != 1 else sizes, axis=axis, keepdims=keep)
    if ord == 1:
        return total
    positive = plain(total) > 0
    if np.ndim(positive) == 0:
        return total ** (1.0 / ord) if positive else total * 0
    return hooks.call(np.where, positive, total ** (1.0 / ord), total * 0)
