"""An array to be filled step by step, which is frozen when it is handed on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class Buffer:
    """A work array or list that is written element by element and then becomes a value.

    NumPy arrays can be written in place inside differentiated functions as well; a buffer adds that
    it cannot be used as an array before it is finished, nor written afterwards. It is written in
    Python and not for use inside functions that Numba compiles for themselves.

    Parameters
    ----------
    xs : ndarray or list
        What it is like: its shape and element type, floating-point even if ``xs`` holds integers.
    *shape : int
        Another shape. Without it, a list gives a buffer that is a list, which can be appended to.

    Raises
    ------
    RuntimeError
        It is written to after ``copy``.
    TypeError
        It is used as an array.

    Examples
    --------
    >>> import numpy as np, numbad
    >>> def repeated(xs):
    ...     buf = numbad.Buffer(xs, len(xs), 5)
    ...     for i in range(5):
    ...         buf[:, i] = xs
    ...     return buf.copy()
    >>> numbad.gradient(lambda x: np.sum(repeated(x)), np.array([1.0, 2.0, 3.0]))
    (array([5., 5., 5.]),)
    """

    __slots__ = ("_data", "_frozen")
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None

    def __init__(self, xs: Any, *shape: int) -> None:
        self._frozen = False
        if isinstance(xs, list):
            if shape:
                self._data: Any = np.zeros(shape)
            else:
                self._data = [_zero_of(x) for x in xs]
        elif xs.dtype.kind in "fc":
            self._data = np.zeros(shape or xs.shape, dtype=xs.dtype)
        else:
            self._data = np.zeros(shape or xs.shape)

    def __getitem__(self, index: Any) -> Any:
        return self._data[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._frozen:
            raise RuntimeError("Buffer is frozen")
        self._data[index] = value

    def append(self, value: Any) -> None:
        """Append an item; only of a buffer that is a list."""
        if self._frozen:
            raise RuntimeError("Buffer is frozen")
        self._data.append(value)

    def pop(self) -> Any:
        """Remove the last item and return it; only of a buffer that is a list."""
        if self._frozen:
            raise RuntimeError("Buffer is frozen")
        return self._data.pop()

    def copy(self) -> Any:
        """Freeze the buffer and return its array or list, which is not copied."""
        self._frozen = True
        return self._data

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self._data.dtype

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a Buffer is not an array: call its method copy() when it is filled.")

    def __repr__(self) -> str:
        return f"Buffer({self._data!r}{', frozen' if self._frozen else ''})"


def _zero_of(x: Any) -> Any:
    """Return a zero of the shape of an item."""
    return np.zeros(x.shape) if isinstance(x, np.ndarray) else 0.0
