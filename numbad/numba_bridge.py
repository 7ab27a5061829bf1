"""Types of operations, asked of Numba: the only file that touches Numba's typing context.

``call_type(fn, types)`` is the type of ``fn(*args)`` for arguments of the IR types, as nopython
code of the installed Numba would have it; ``unify`` is the type of a variable that may hold values
of either type. Numba's types are converted from and to ours by ``to_numba`` and ``from_numba``.
"""

from __future__ import annotations

import ctypes
import gc
import operator
import types as python_types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, assert_never

import llvmlite.binding
import numba
import numpy as np
from numba.core import types as nt
from numba.core import typing
from numba.core.compiler_lock import global_compiler_lock
from numba.core.datamodel.models import OpaqueModel
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target
from numba.core.typing.arraydecl import get_array_index_type
from numba.extending import NativeValue, register_model, unbox
from numba.np import numpy_support

from numbad.ir.types import (
    BOOL,
    FLOAT64,
    INT64,
    Array,
    Lanes,
    List,
    Opaque,
    Scalar,
    Stack,
    Tuple,
    Type,
    is_integer,
)
from numbad.structure import SCALAR_NAMES

_SCALARS: dict[str, nt.Type] = {
    name: numpy_support.from_dtype(np.dtype(name)) for name in SCALAR_NAMES
}
_NAMES: dict[nt.Type, str] = {type_: name for name, type_ in _SCALARS.items()}

compiler_lock = global_compiler_lock
"""Numba's own lock: compilations by numbad hold it, so that the two cannot wait for each other."""

# Compilation makes hundreds of thousands of objects that live on for a while. With Python's usual
# thresholds the collector goes through all of them again and again, for an eighth of the time.
_COLLECTION_THRESHOLDS = (200_000, 20, 100)

_call_types: dict[Any, Type | None] = {}
_compiled: dict[python_types.FunctionType, Any] = {}


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python collect garbage rarely in a block; for use under the compiler's lock."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def to_numba(type_: Type) -> nt.Type:
    """Return the Numba type of values of an IR type."""
    match type_:
        case Scalar(name):
            return _SCALARS[name]
        case Array(dtype, ndim, layout, readonly):
            return nt.Array(to_numba(dtype), ndim, layout, readonly=readonly)
        case List(item):
            return nt.List(to_numba(item), reflected=False)
        case Tuple(items, cls):
            numba_items = [to_numba(item) for item in items]
            if cls is None:
                return nt.BaseTuple.from_types(numba_items)
            return nt.BaseTuple.from_types(numba_items, cls)
        case Opaque(numba_type):
            return numba_type
        case Lanes(dtype, _):
            return to_numba(dtype)
        case Stack():
            raise TypeError("a stack has no type in user code")
        case _:
            assert_never(type_)


def from_numba(numba_type: nt.Type) -> Type:
    """Return the IR type of values of a Numba type."""
    numba_type = nt.unliteral(numba_type)
    if numba_type in _NAMES:
        return Scalar(_NAMES[numba_type])
    match numba_type:
        case nt.Array():
            dtype = from_numba(numba_type.dtype)
            if isinstance(dtype, Scalar):
                return Array(dtype, numba_type.ndim, numba_type.layout, not numba_type.mutable)
        case nt.List():
            return List(from_numba(numba_type.dtype))
        case nt.NamedTuple() | nt.NamedUniTuple():
            return Tuple(
                tuple(from_numba(item) for item in numba_type.types), numba_type.instance_class
            )
        case nt.BaseTuple():
            return Tuple(tuple(from_numba(item) for item in numba_type.types))
        case nt.Boolean():
            return BOOL
    return Opaque(numba_type)


def without_literal(numba_type: nt.Type) -> nt.Type:
    """Return the type that a literal type is a value of."""
    return nt.unliteral(numba_type)


def function_type(function: Callable[..., Any]) -> nt.Type:
    """Return the type of a function that compiled code can call."""
    context = cpu_target.typing_context
    context.refresh()
    return _PassedFunction(context.resolve_value_type(function).templates)


class _PassedFunction(nt.Function):
    """The type of a function that is also passed to compiled code as an argument."""


register_model(_PassedFunction)(OpaqueModel)


@unbox(_PassedFunction)  # type: ignore[untyped-decorator]
def _unbox_function(type_: Any, value: Any, context: Any) -> Any:
    """Nothing is passed: the type says all."""
    del type_, value
    return NativeValue(context.context.get_dummy_value())


def type_of(value: Any) -> Type | None:
    """IR type that Numba gives to a Python value; None if it has none."""
    try:
        return from_numba(numba.typeof(value))
    except (ValueError, TypeError, NumbaError):
        return None


def call_type(
    fn: Callable[..., Any], args: tuple[Type, ...], kwargs: tuple[tuple[str, Type], ...] = ()
) -> Type | None:
    """Type of ``fn(*args, **kwargs)``; None if Numba cannot type the call.

    A plain Python function is compiled by Numba to learn its type.
    """
    key = (_identity(fn), args, kwargs)
    if key not in _call_types:
        _call_types[key] = _scalar_operator(fn, args) if not kwargs else None
        if _call_types[key] is None:
            _call_types[key] = _resolve(
                fn,
                tuple(to_numba(arg) for arg in args),
                {name: to_numba(type_) for name, type_ in kwargs},
            )
    return _call_types[key]


def call_type_numba(
    fn: Callable[..., Any], args: tuple[nt.Type, ...], kwargs: dict[str, nt.Type]
) -> Type | None:
    """``call_type`` for arguments given as Numba types: literals, dtypes, tuples, slices."""
    return _resolve(fn, args, kwargs)


def _identity(fn: Callable[..., Any]) -> Any:
    try:
        hash(fn)
    except TypeError:
        return _Identity(fn)
    return fn


class _Identity:
    """An unhashable callable as a key; keeps it alive."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


_ARITHMETIC = frozenset({operator.add, operator.sub, operator.mul})
_COMPARISONS = frozenset(
    {operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne}
)


def _scalar_operator(fn: Callable[..., Any], args: tuple[Type, ...]) -> Type | None:
    """The commonest cases, on which Numba is a hundred times slower."""
    match args:
        case (Scalar(a), Scalar(b)) if a == b and a in ("float64", "int64"):
            if fn in _ARITHMETIC:
                return args[0]
            if fn in _COMPARISONS:
                return BOOL
            if fn is operator.truediv:
                return FLOAT64
        case (Scalar("float64"), Scalar("int64")) | (Scalar("int64"), Scalar("float64")):
            if fn in _ARITHMETIC or fn is operator.truediv:
                return FLOAT64
            if fn in _COMPARISONS:
                return BOOL
    return None


def _resolve(fn: Any, args: tuple[nt.Type, ...], kwargs: dict[str, nt.Type]) -> Type | None:
    context = cpu_target.typing_context
    context.refresh()
    cpu_target.target_context.refresh()
    try:
        function_type = context.resolve_value_type(fn)
    except (NumbaError, ValueError):
        function_type = None
    if function_type is None:
        if not isinstance(fn, python_types.FunctionType):
            return None
        if fn not in _compiled:
            _compiled[fn] = numba.njit(fn)
        function_type = nt.Dispatcher(_compiled[fn])
    try:
        signature = context.resolve_function_type(function_type, args, kwargs)
    except NumbaError:
        return None
    if signature is None:
        return None
    return from_numba(signature.return_type)


_INDEX_TYPES: dict[str, nt.Type] = {
    "integer": nt.intp,
    "slice": nt.slice2_type,
    "step": nt.slice3_type,
    "newaxis": nt.none,
}


def view_type(array: Array, kinds: tuple[str, ...]) -> Array | None:
    """Type of ``array[index]`` for basic items ``integer slice step newaxis``."""
    index = nt.BaseTuple.from_types([_INDEX_TYPES[kind] for kind in kinds])
    found = get_array_index_type(to_numba(array), index)
    if found is None or found.advanced:
        return None
    type_ = from_numba(found.result)
    return type_ if isinstance(type_, Array) else None


def unify(first: Type, second: Type) -> Type | None:
    """Type of a variable that holds values of either type; None if there is none."""
    if first == second:
        return first
    match first, second:
        case Scalar(), Scalar():
            if BOOL in (first, second):
                other = second if first == BOOL else first
                return other
            result = cpu_target.typing_context.unify_pairs(to_numba(first), to_numba(second))
            return None if result is None else from_numba(result)
        case Array(), Array():
            if first.dtype != second.dtype or first.ndim != second.ndim:
                return None
            layout = first.layout if first.layout == second.layout else "A"
            return Array(first.dtype, first.ndim, layout, first.readonly or second.readonly)
        case Tuple(items, cls), Tuple(others, other_cls):
            if len(items) != len(others) or cls is not other_cls:
                return None
            unified = [unify(a, b) for a, b in zip(items, others, strict=True)]
            if any(item is None for item in unified):
                return None
            return Tuple(tuple(item for item in unified if item is not None), cls)
        case _:
            return None


def can_cast(source: Type, target: Type) -> bool:
    """Whether a value of one type may be stored in a variable or array of the other."""
    if source == target:
        return True
    match source, target:
        case Scalar(a), Scalar(b):
            return b.startswith("complex") or not a.startswith("complex")
        case Array(), Array():
            return (
                source.dtype == target.dtype
                and source.ndim == target.ndim
                and target.layout in (source.layout, "A")
            )
        case _:
            return False


def string_type() -> Opaque:
    """Type of strings."""
    return Opaque(nt.unicode_type)


def none_type() -> Opaque:
    """Type of ``None``."""
    return Opaque(nt.none)


def constant_type(value: bool | int | float | complex) -> Type | None:
    """Type of a number written in source code; None if it fits no machine type."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return INT64
        return Scalar("uint64") if 0 <= value < 2**64 else None
    if isinstance(value, float):
        return FLOAT64
    return Scalar("complex128")


def is_numba_scalar_class(value: Any) -> bool:
    """Whether the value is a Numba type of numbers, which as a function converts to it."""
    return isinstance(value, nt.Number | nt.Boolean)


def dispatcher_function(value: Any) -> python_types.FunctionType | None:
    """The Python function of an ``@njit`` dispatcher; None for anything else."""
    if isinstance(value, numba.core.dispatcher.Dispatcher):
        function = value.py_func
        return function if isinstance(function, python_types.FunctionType) else None
    return None


def dispatcher_settings(value: Any) -> str:
    """Describe the options of an ``@njit`` dispatcher, and its signatures if they are fixed."""
    fixed = [] if value._can_compile else value.nopython_signatures
    return repr((sorted(value.targetoptions.items(), key=repr), [str(s) for s in fixed]))


@cache
def register_lanes() -> int:
    """Return how many float64 numbers a vector register of this machine holds."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 8
    return 4 if features.get("avx") else 2


def processor() -> tuple[str, str, str]:
    """Version of LLVM's bindings, name and features of the processor."""
    features = llvmlite.binding.get_host_cpu_features().flatten()
    return llvmlite.__version__, llvmlite.binding.get_host_cpu_name(), features


def optimised_code(function: Any, types: Sequence[Type]) -> str | None:
    """Compile a generated function for arguments of these types; return LLVM's optimised code.

    Its instructions tell the lines that they come from, and are otherwise the same.
    """
    if not isinstance(function, numba.core.dispatcher.Dispatcher):
        return None
    options = {name: value for name, value in function.targetoptions.items() if name != "nopython"}
    lines = {"debug": True, "_dbg_optnone": False, "_dbg_extend_lifetimes": False}
    fresh = numba.njit(function.py_func, **{**options, **lines})
    passes = function._compiler.pipeline_class

    class WithLines(passes):  # type: ignore[misc, valid-type]
        """The same passes; of the information for debuggers only places are kept."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.state.flags.dbg_directives_only = True

    fresh._compiler.pipeline_class = WithLines
    fresh.compile(tuple(to_numba(type_) for type_ in types))
    return "\n".join(fresh.inspect_llvm().values())


def code_settings() -> tuple[Any, ...]:
    """Settings of Numba that change the code it generates, if they are not in the code's key."""
    names = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "DEBUGINFO_DEFAULT")
    more = ("BOUNDSCHECK", "CPU_NAME", "CPU_FEATURES", "DISABLE_JIT")
    return tuple(getattr(numba.config, name, None) for name in (*names, *more))


def choose_signature(signatures: tuple[Any, ...], given: Sequence[Type | None]) -> Any:
    """Return which of a dispatcher's fixed signatures a call with arguments of these types takes.

    Without the types of all arguments it is the first that takes as many.
    """
    fitting = [s for s in signatures if len(s.args) >= len(given)] or list(signatures)
    if len(fitting) == 1 or None in given:
        return fitting[0]
    types = tuple(to_numba(type_) for type_ in given if type_ is not None)
    context = cpu_target.typing_context
    context.refresh()
    cases = [typing.signature(s.return_type, *s.args[: len(types)]) for s in fitting]
    try:
        found = context.resolve_overload("", cases, types, {}, allow_ambiguous=True)
    except (TypeError, NumbaError):
        found = None
    return fitting[0] if found is None else fitting[cases.index(found)]


def _overload_templates(function: Any) -> list[Any]:
    context = cpu_target.typing_context
    context.refresh()
    found = context._lookup_global(function)
    templates = found.templates if isinstance(found, nt.Function) else ()
    return [template for template in templates if hasattr(template, "_overload_func")]


def is_overloaded(function: Any) -> bool:
    """Whether Numba compiles calls of a Python function as something else."""
    return bool(_overload_templates(function))


def overload_of(
    function: Any, args: Sequence[nt.Type], kwargs: dict[str, nt.Type]
) -> python_types.FunctionType | None:
    """Return the Python function that Numba compiles in place of a call with these arguments."""
    plain = [nt.unliteral(arg) for arg in args], {k: nt.unliteral(v) for k, v in kwargs.items()}
    for template in _overload_templates(function):
        forms = [plain, (args, kwargs)]
        for form in reversed(forms) if template.prefer_literal else forms:
            try:
                found = template._overload_func(*form[0], **form[1])
            except (TypeError, AttributeError, NumbaError):
                continue
            found = found[1] if isinstance(found, tuple) else found
            if isinstance(found, python_types.FunctionType):
                return found
    return None


def literal_type(value: Any) -> nt.Type | None:
    """Numba type of a value that is known, a literal one if there is one; None if it has none."""
    try:
        return nt.literal(value)
    except (TypeError, ValueError, NumbaError):
        pass
    try:
        return numba.typeof(value)
    except (TypeError, ValueError, NumbaError):
        pass
    try:
        return cpu_target.typing_context.resolve_value_type(value)
    except (TypeError, ValueError, NumbaError):
        return None


_FUNCTION_POINTER: Any = ctypes.CFUNCTYPE(None).__base__


def address_of(value: Any) -> int | None:
    """Address of the machine code of a C function, as Numba calls it; None for other things."""
    if isinstance(value, numba.types.WrapperAddressProtocol):
        return int(value.__wrapper_address__())
    if isinstance(value, _FUNCTION_POINTER):
        return ctypes.cast(value, ctypes.c_void_p).value
    return None


def tuple_type(items: Sequence[nt.Type | None], cls: Any) -> nt.Type | None:
    """Numba type of a tuple of values of these types; None if one has none."""
    known = [nt.unliteral(item) for item in items if item is not None]
    if len(known) != len(items):
        return None
    return nt.BaseTuple.from_types(known) if cls is None else nt.BaseTuple.from_types(known, cls)


def is_jit(value: Any) -> bool:
    """Whether the value is one of Numba's decorators that compile a function as it is."""
    return value in (numba.jit, numba.njit)


__all__ = [
    "address_of",
    "call_type",
    "call_type_numba",
    "can_cast",
    "choose_signature",
    "constant_type",
    "dispatcher_function",
    "from_numba",
    "is_integer",
    "is_jit",
    "is_numba_scalar_class",
    "none_type",
    "string_type",
    "to_numba",
    "type_of",
    "unify",
    "view_type",
]


def is_callable_in_nopython(value: Any) -> bool:
    """Whether compiled code can call the object as it is."""
    try:
        cpu_target.typing_context.resolve_value_type(value)
    except Exception:
        return False
    return True
