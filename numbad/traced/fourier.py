"""Discrete Fourier transforms: linear, with a matrix that is symmetric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbad.traced.activity import mapped
from numbad.traced.reductions import _operand, linear
from numbad.traced.registry import handles
from numbad.traced.values import hooks, plain

_SCALES: dict[str, tuple[float, float]] = {
    "backward": (0.0, 1.0),
    "ortho": (0.5, 0.5),
    "forward": (1.0, 0.0),
}
"""Powers of 1/n that the transform and its inverse are scaled by."""


def _fitted_length(a: Any, n: int, axis: int) -> Any:
    """Return an array cut or filled with zeros to a length along an axis."""
    have = np.shape(plain(a))[axis]
    if have > n:
        return hooks.get_item(a, (*(slice(None),) * (axis % plain(a).ndim), slice(0, n)))
    if have < n:
        widths = [(0, 0)] * plain(a).ndim
        widths[axis] = (0, n - have)
        return hooks.call(np.pad, a, widths)
    return a


def _transform(name: str) -> Callable[..., Any]:
    function = getattr(np.fft, name)

    def handler(
        a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
    ) -> Any:
        a = _operand(a)
        count = np.shape(plain(a))[axis] if n is None else int(n)

        def transpose(y_bar: Any, x: Any) -> Any:
            # The adjoint of the transform is the transform the other way, without its scale.
            power = _SCALES[norm or "backward"][name == "ifft"]
            other = np.fft.fft if name == "ifft" else np.fft.ifft
            found = hooks.call(other, y_bar, axis=axis) * (
                (1.0 if name == "ifft" else count) * float(count) ** -power
            )
            return _fitted_length(found, np.shape(plain(x))[axis], axis)

        return linear(lambda x: function(x, count, axis, norm), transpose, a)

    return handler


handles(np.fft.fft)(_transform("fft"))
handles(np.fft.ifft)(_transform("ifft"))


@handles(np.fft.rfft)
def _rfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    a = _operand(a)
    count = np.shape(plain(a))[axis] if n is None else int(n)
    whole = hooks.call(np.fft.fft, a, count, axis, norm)
    return _fitted_length(whole, count // 2 + 1, axis)


@handles(np.fft.irfft)
def _irfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    a = _operand(a)
    count = 2 * (np.shape(plain(a))[axis] - 1) if n is None else int(n)
    half = _fitted_length(a, count // 2 + 1, axis)
    # The other half are the conjugates; the first element (and the middle one) count as real.
    moved = hooks.call(np.moveaxis, half, axis, 0)
    first = hooks.call(np.real, moved[:1])
    rest = moved[1 : (count + 1) // 2]
    parts = [first, rest]
    if count % 2 == 0 and count > 1:
        parts.append(hooks.call(np.real, moved[count // 2 : count // 2 + 1]))
    parts.append(hooks.call(np.conjugate, hooks.call(np.flip, rest, 0)))
    whole = hooks.call(np.moveaxis, hooks.call(np.concatenate, parts), 0, axis)
    return hooks.call(np.real, hooks.call(np.fft.ifft, whole, count, axis, norm))


def _several(one: Callable[..., Any]) -> Callable[..., Any]:
    def handler(
        a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
    ) -> Any:
        a = _operand(a)
        s = mapped(plain, s)
        if axes is None:
            ndim = plain(a).ndim
            axes = range(ndim) if s is None else range(ndim - len(s), ndim)
        lengths = [None] * len(axes) if s is None else list(s)
        for axis, n in list(zip(axes, lengths, strict=True))[::-1]:
            a = hooks.call(one, a, n, axis, norm)
        return a

    return handler


for _name in ("fft", "ifft"):
    _n_dim = _several(getattr(np.fft, _name))
    handles(getattr(np.fft, f"{_name}n"))(_n_dim)
    handles(getattr(np.fft, f"{_name}2"))(
        lambda a, s=None, axes=(-2, -1), norm=None, out=None, _n_dim=_n_dim: _n_dim(
            a, s, axes, norm
        )
    )


@handles(np.fft.fftshift)
def _fftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, 1)


@handles(np.fft.ifftshift)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    x = _operand(x)
    shape = np.shape(plain(x))
    every = range(len(shape)) if axes is None else (axes,) if isinstance(axes, int) else axes
    shifts = [shape[axis] // 2 if sign > 0 else -(shape[axis] // 2) for axis in every]
    return hooks.call(np.roll, x, tuple(shifts), tuple(every))
