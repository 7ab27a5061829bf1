"""Products of matrices and vectors by BLAS: into work memory, and added to what is there.

``numpy.dot`` allocates its result with the C library, which hands large arrays back to the system
after each call, and cannot add to an array. Operands are contiguous, in C or Fortran order, and of
one floating-point type; a transposed operand is passed on as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import make_array
from numba.np.linalg import check_blas_return, ensure_blas, get_blas_kind, make_constant_slot

from numbad.kernels.memory import empty

_CHAR, _INT, _POINTER = ir.IntType(8), ir.IntType(64), cgutils.voidptr_t


@register_jitable
def product(a: Any, b: Any) -> Any:
    """``np.dot`` of two matrices, in work memory.

    Examples
    --------
    >>> product(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    result = empty((a.shape[0], b.shape[1]), a.dtype)
    np.dot(a, b, result)
    return result


def add_product(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Add ``np.dot(a, b)``, a matrix or a vector, to ``out``.

    Examples
    --------
    >>> total = np.ones(2)
    >>> add_product(total, np.eye(2), np.array([1.0, 2.0]))
    >>> total.tolist()
    [2.0, 3.0]
    """
    out += np.dot(a, b)


@intrinsic
def _gemm(context: Any, out: Any, a: Any, b: Any) -> Any:
    """Add the product of two matrices to a matrix in C order, none of them empty."""
    ensure_blas()

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        # In BLAS's order, that of Fortran, a matrix in C order is its own transpose, so that the
        # product is outᵀ += bᵀ aᵀ.
        target, left, right = (
            make_array(kind)(context, builder, arg) for kind, arg in zip(kinds, args, strict=True)
        )
        rows, inner = cgutils.unpack_tuple(builder, left.shape)
        columns = cgutils.unpack_tuple(builder, right.shape)[1]
        one = builder.bitcast(make_constant_slot(context, builder, kinds[0].dtype, 1.0), _POINTER)
        parameters = []
        for kind, array, shape in (
            (kinds[2], right, (inner, columns)),
            (kinds[1], left, (rows, inner)),
        ):
            is_c = kind.layout == "C"
            flag = ir.Constant(_CHAR, ord("n" if is_c else "t"))
            data = builder.bitcast(array.data, _POINTER)
            parameters.append((flag, data, shape[1] if is_c else shape[0]))
        (flag_b, data_b, step_b), (flag_a, data_a, step_a) = parameters
        pointers = [_POINTER, _POINTER, _INT, _POINTER, _INT, _POINTER, _POINTER, _INT]
        function_type = ir.FunctionType(
            ir.IntType(32), [_CHAR, _CHAR, _CHAR, _INT, _INT, _INT, *pointers]
        )
        gemm = cgutils.get_or_insert_function(builder.module, function_type, "numba_xxgemm")
        blas = ir.Constant(_CHAR, ord(get_blas_kind(kinds[0].dtype)))
        data = builder.bitcast(target.data, _POINTER)
        sizes = (columns, rows, inner)
        operands = (one, data_b, step_b, data_a, step_a, one, data, columns)
        result = builder.call(gemm, (blas, flag_b, flag_a, *sizes, *operands))
        check_blas_return(context, builder, result)
        return context.get_dummy_value()

    return types.none(out, a, b), generate


@intrinsic
def _gemv(context: Any, out: Any, a: Any, x: Any) -> Any:
    """Add the product of a matrix and a vector to a vector, none of them empty."""
    ensure_blas()

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        target, matrix, vector = (
            make_array(kind)(context, builder, arg) for kind, arg in zip(kinds, args, strict=True)
        )
        rows, columns = cgutils.unpack_tuple(builder, matrix.shape)
        is_c = kinds[1].layout == "C"
        if is_c:
            rows, columns = columns, rows
        one = builder.bitcast(make_constant_slot(context, builder, kinds[0].dtype, 1.0), _POINTER)
        pointers = [_POINTER, _POINTER, _INT, _POINTER, _POINTER, _POINTER]
        function_type = ir.FunctionType(ir.IntType(32), [_CHAR, _CHAR, _INT, _INT, *pointers])
        gemv = cgutils.get_or_insert_function(builder.module, function_type, "numba_xxgemv")
        flags = (
            ir.Constant(_CHAR, ord(get_blas_kind(kinds[0].dtype))),
            ir.Constant(_CHAR, ord("t" if is_c else "n")),
        )
        data = [builder.bitcast(each.data, _POINTER) for each in (matrix, vector, target)]
        operands = (one, data[0], rows, data[1], one, data[2])
        result = builder.call(gemv, (*flags, rows, columns, *operands))
        check_blas_return(context, builder, result)
        return context.get_dummy_value()

    return types.none(out, a, x), generate


@overload(add_product)
def _add_product(out: Any, a: Any, b: Any) -> Any:
    if out.ndim == 2:

        def add_matrix(out: Any, a: Any, b: Any) -> None:
            if out.size > 0 and a.shape[1] > 0:
                _gemm(out, a, b)

        return add_matrix

    def add_vector(out: Any, a: Any, b: Any) -> None:
        if out.size > 0 and b.size > 0:
            _gemv(out, a, b)

    return add_vector
