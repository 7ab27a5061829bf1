"""What stands behind a callable, and how arguments meet parameters.

``resolve_callable`` unwraps anything that can be called down to a Python function whose source can
be read, or says that there is none. It never reads source and never looks up rules: a caller checks
``Callee.identities``, outermost first, for a rule before following ``Callee.function``.

``bind_arguments`` matches arguments of any kind (run-time values or symbols) with the parameters of
a definition, with Python's own error messages.

Unchecked: a function wrapped by ``functools.lru_cache`` is taken to be pure.
"""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")

OPTIONS = ("fastmath", "error_model", "boundscheck", "parallel", "nogil")


class Kind(Enum):
    """What can be done with a callable."""

    PYTHON = "python"
    """It is a Python function: ``Callee.function``."""
    ELEMENTWISE = "elementwise"
    """``Callee.function`` is applied to each element of broadcast arrays."""
    CLASS = "class"
    """It is a class: ``Callee.target``."""
    OPAQUE = "opaque"
    """It has no Python source; only a rule can differentiate it."""


@dataclass(frozen=True, slots=True, eq=False)
class Callee:
    """What stands behind a callable.

    Attributes
    ----------
    kind : Kind
        What can be done with it.
    target : object
        The innermost object: the Python function, the class or the opaque callable.
    args, kwargs
        Arguments bound by partials and methods, before and besides those of the call.
    options : dict
        Options of Numba's dispatcher, of those in ``OPTIONS`` that were given.
    signatures : tuple
        Numba signatures, if the dispatcher was declared with a fixed set of them: arguments are
        converted to the parameter types of the one that fits.
    locals : dict
        Numba types that the dispatcher declares for variables of the function: what is assigned to
        them is converted.
    identities : tuple
        All objects passed on the way, from the one that was given to ``target``; a rule may be
        declared on any of them that takes the same arguments (``args`` are bound at ``target``).
    reason : str
        Why there is no Python function, if ``kind`` is ``OPAQUE`` and there is more to say.
    """

    kind: Kind
    target: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    signatures: tuple[Any, ...] = ()
    locals: dict[str, Any] = field(default_factory=dict)
    identities: tuple[Any, ...] = ()
    reason: str = ""

    @property
    def function(self) -> types.FunctionType:
        """The Python function; only if ``kind`` is ``PYTHON`` or ``ELEMENTWISE``."""
        assert isinstance(self.target, types.FunctionType)
        return self.target


def resolve_callable(obj: Any) -> Callee:
    """Unwrap a callable.

    Parameters
    ----------
    obj : callable
        Function, method, ``functools.partial``, Numba dispatcher, ``numba.vectorize`` function,
        callable object, class, builtin, ufunc ...

    Returns
    -------
    Callee
        A description of it.

    Raises
    ------
    TypeError
        ``obj`` is not callable.

    Examples
    --------
    >>> def power(x, n):
    ...     return x**n
    >>> callee = resolve_callable(functools.partial(power, n=3))
    >>> callee.kind.value, callee.function is power, callee.kwargs
    ('python', True, {'n': 3})
    """
    match obj:
        case types.FunctionType():
            return Callee(Kind.PYTHON, obj, identities=(obj,))
        case type():
            return Callee(Kind.CLASS, obj, identities=(obj,))
        case functools.partial():
            inner = resolve_callable(obj.func)
            return _around(
                obj,
                inner,
                args=(*inner.args, *obj.args),
                kwargs={**inner.kwargs, **obj.keywords},
            )
        case types.MethodType():
            inner = resolve_callable(obj.__func__)
            return _around(obj, inner, args=(*inner.args, obj.__self__))
        case staticmethod() | functools._lru_cache_wrapper():
            return _around(obj, resolve_callable(obj.__wrapped__))
        case np.vectorize():
            if obj.signature is not None or obj.excluded:
                return _opaque(
                    obj, "It is a `np.vectorize` with a signature or excluded arguments."
                )
            return _elementwise(obj, resolve_callable(obj.pyfunc))
        case _:
            return _resolve_numba(obj) or _resolve_object(obj)


def _resolve_numba(obj: Any) -> Callee | None:
    """Unwrap what Numba's decorators make, known by the names of its classes; None for others."""
    classes = {cls.__name__ for cls in type(obj).__mro__ if cls.__module__.startswith("numba.")}
    if "CUDADispatcher" in classes:
        if obj.targetoptions.get("device"):
            return _around(obj, resolve_callable(obj.py_func))
        return _opaque(obj, "It is a CUDA kernel; use `numbad.cuda`.")
    if "FakeCUDAKernel" in classes:  # of the CUDA simulator
        if obj._device:
            return _around(obj, resolve_callable(obj.fn))
        return _opaque(obj, "It is a CUDA kernel; use `numbad.cuda`.")
    if "Dispatcher" in classes:
        return _resolve_dispatcher(obj)
    if "DUFunc" in classes:
        return _elementwise(obj, _resolve_dispatcher(obj._dispatcher))
    if "GUFunc" in classes:
        return _opaque(obj, "It is a generalised ufunc (`guvectorize`), which works on sub-arrays.")
    if "WrapperAddressProtocol" in classes:
        return _opaque(obj, "Only the address of its machine code is known.")
    if "StencilFunc" in classes:
        return _opaque(obj, "It is a stencil, whose indices are relative; write it as a loop.")
    if "CFunc" in classes:
        return _opaque(obj, "It is a C callback (`cfunc`); differentiate the function behind it.")
    return None


def _resolve_dispatcher(dispatcher: Any) -> Callee:
    """Unwrap a function compiled by ``numba.jit``."""
    given = dispatcher.targetoptions
    if given.get("forceobj"):
        return _opaque(dispatcher, "It is compiled in object mode.")
    options = {name: given[name] for name in OPTIONS if given.get(name) is not None}
    is_open = getattr(dispatcher, "_can_compile", True)
    signatures = () if is_open else tuple(dispatcher.nopython_signatures)
    inner = resolve_callable(dispatcher.py_func)
    return _around(
        dispatcher, inner, options=options, signatures=signatures, locals=dict(dispatcher.locals)
    )


def _elementwise(obj: Any, inner: Callee) -> Callee:
    """Describe a function that is applied to each element.

    The function on elements is another operation than the one on arrays, so it is no identity.
    """
    if inner.kind is not Kind.PYTHON or inner.args or inner.kwargs:
        return _opaque(obj, "It applies a function that has no Python source, or a bound one.")
    if inner.locals:
        return _opaque(obj, "Its local variables are given types by `locals=`.")
    return _around(obj, inner, kind=Kind.ELEMENTWISE, identities=(obj,))


def _resolve_object(obj: Any) -> Callee:
    """Unwrap an object whose class defines ``__call__`` in Python, or give up."""
    if not callable(obj):
        raise TypeError(f"{type(obj).__name__!r} object is not callable")
    call = type(obj).__call__
    if isinstance(call, types.FunctionType) or _resolve_numba(call) is not None:
        return _around(obj, resolve_callable(types.MethodType(call, obj)))
    return _opaque(obj)


def _around(obj: Any, inner: Callee, **changes: Any) -> Callee:
    """``inner`` with some attributes changed, as seen through ``obj``."""
    changes.setdefault("identities", (obj, *inner.identities))
    return replace(inner, **changes)


def _opaque(obj: Any, reason: str = "") -> Callee:
    """Describe a callable without Python source."""
    return Callee(Kind.OPAQUE, obj, identities=(obj,), reason=reason)


# --- arguments ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound(Generic[T]):
    """Arguments matched with parameters.

    Attributes
    ----------
    values : dict
        Value of each parameter that was given one.
    defaults : tuple of str
        Parameters that take their default.
    star : tuple, optional
        Name of the ``*args`` parameter and the values it takes.
    double_star : tuple, optional
        Name of the ``**kwargs`` parameter and the values it takes.
    """

    values: dict[str, T]
    defaults: tuple[str, ...]
    star: tuple[str, tuple[T, ...]] | None
    double_star: tuple[str, dict[str, T]] | None


def bind_arguments(
    node: ast.FunctionDef | ast.Lambda,
    args: Sequence[T],
    kwargs: Mapping[str, T],
    name: str = "",
) -> Bound[T]:
    """Match arguments with the parameters of a definition, as a call does.

    Parameters
    ----------
    node : ast.FunctionDef or ast.Lambda
        The definition.
    args, kwargs
        The arguments, with starred ones spread out.
    name : str, optional
        Qualified name of the function, for errors.

    Returns
    -------
    Bound
        The values of the parameters, and which take their defaults.

    Raises
    ------
    TypeError
        With the words of Python itself.

    Examples
    --------
    >>> node = ast.parse("def f(x, *rest, scale=1): pass").body[0]
    >>> bind_arguments(node, [1, 2, 3], {})
    Bound(values={'x': 1}, defaults=('scale',), star=('rest', (2, 3)), double_star=None)
    """
    title = (name or getattr(node, "name", "<lambda>")) + "()"
    parameters = node.args
    positional_only = [parameter.arg for parameter in parameters.posonlyargs]
    positional = positional_only + [parameter.arg for parameter in parameters.args]
    keyword_only = [parameter.arg for parameter in parameters.kwonlyargs]
    values = dict(zip(positional, args, strict=False))
    extra: dict[str, T] = {}
    for key, value in kwargs.items():
        if key in positional_only or (key not in positional and key not in keyword_only):
            if parameters.kwarg is None:
                raise TypeError(title + _unexpected(key, positional_only, kwargs))
            extra[key] = value
        elif key in values:
            raise TypeError(f"{title} got multiple values for argument {key!r}")
        else:
            values[key] = value
    if len(args) > len(positional) and parameters.vararg is None:
        given_keywords = sum(name in values for name in keyword_only)
        raise TypeError(title + _too_many(parameters, len(args), given_keywords))
    has_default = positional[len(positional) - len(parameters.defaults) :]
    _require(
        [n for n in positional if n not in values and n not in has_default], title, "positional"
    )
    keyword_default = [
        name
        for name, default in zip(keyword_only, parameters.kw_defaults, strict=True)
        if default is not None
    ]
    _require(
        [n for n in keyword_only if n not in values and n not in keyword_default],
        title,
        "keyword-only",
    )
    defaults = tuple(n for n in [*has_default, *keyword_default] if n not in values)
    star = double_star = None
    if parameters.vararg is not None:
        star = (parameters.vararg.arg, tuple(args[len(positional) :]))
    if parameters.kwarg is not None:
        double_star = (parameters.kwarg.arg, extra)
    return Bound(values, defaults, star, double_star)


def default_values(function: types.FunctionType) -> dict[str, Any]:
    """Values of all parameters of a function that have defaults."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    given = function.__defaults__ or ()
    values = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
    return values | (function.__kwdefaults__ or {})


def _unexpected(key: str, positional_only: Sequence[str], kwargs: Mapping[str, Any]) -> str:
    """Python's words for a keyword argument that no parameter takes."""
    named = [name for name in positional_only if name in kwargs]
    if named:
        words = " got some positional-only arguments passed as keyword arguments: "
        return f"{words}'{', '.join(named)}'"
    return f" got an unexpected keyword argument {key!r}"


def _too_many(parameters: ast.arguments, given: int, given_keywords: int) -> str:
    """Python's words for too many positional arguments."""
    most = len(parameters.posonlyargs) + len(parameters.args)
    least = most - len(parameters.defaults)
    takes = f"from {least} to {most}" if least != most else f"{most}"
    plural = "" if takes == "1" else "s"
    if given_keywords:
        count = f"{given} positional argument{'' if given == 1 else 's'} (and {given_keywords} "
        count += f"keyword-only argument{'' if given_keywords == 1 else 's'}) were given"
    else:
        count = f"{given} {'was' if given == 1 else 'were'} given"
    return f" takes {takes} positional argument{plural} but {count}"


def _require(missing: Sequence[str], title: str, kind: str) -> None:
    """Raise Python's error if parameters are left without a value."""
    if not missing:
        return
    quoted = [repr(name) for name in missing]
    match quoted:
        case [single]:
            listed = single
        case [first, second]:
            listed = f"{first} and {second}"
        case _:
            listed = f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
    plural = "" if len(missing) == 1 else "s"
    raise TypeError(f"{title} missing {len(missing)} required {kind} argument{plural}: {listed}")
