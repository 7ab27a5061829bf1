"""What rewritten code calls: calls, reads and writes that may involve traced values."""

from __future__ import annotations

import functools
import inspect
import operator
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from numbad import numba_bridge
from numbad.custom import declare
from numbad.errors import NoRule
from numbad.rules import registry as rules
from numbad.traced import protocols, rewrite
from numbad.traced.activity import is_active, mapped, values_in
from numbad.traced.dispatch import by_rule, elementwise, has_rule, name_of
from numbad.traced.levels import current, state
from numbad.traced.numpy_converter import vectorized
from numbad.traced.registry import handler_of
from numbad.traced.user_rules import apply_user_rule
from numbad.traced.values import Traced, TracedArray, TracedNumber, hooks, plain, wrap

# Packages whose Python code is not for tracing: what is called in them deals with traced values, or
# asks for the number inside, which is an error.
_OPAQUE = {
    "numpy",
    "numba",
    "llvmlite",
    "numbad",
    "importlib",
    "typing",
    "abc",
    "warnings",
    "logging",
}


_PLAIN = {int, float, complex, bool, str, bytes, type(None)}


def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function from traced code."""
    kind = type(function)
    if kind is types.FunctionType:
        return _python(function, args, kwargs)
    if kind is types.MethodType:
        return call(function.__func__, function.__self__, *args, **kwargs)
    if declare.lookup(function) is not None:
        return apply_user_rule(function, args, kwargs)
    method = protocols.own_method(function, args)
    if method is not None:
        return call(method, *args, **kwargs)
    args = protocols.arguments(function, args)
    handler = handler_of(function)
    if handler is not None and not (
        all(type(each) in _PLAIN for each in args)
        and all(type(each) in _PLAIN for each in kwargs.values())
    ):
        return handler(*args, **kwargs)
    if kind is functools.partial:
        return call(function.func, *function.args, *args, **{**function.keywords, **kwargs})
    if isinstance(function, type):
        return _made(function, args, kwargs)
    if (compiled := numba_bridge.dispatcher_function(function)) is not None:
        by_engine = state.call_compiled
        found = NotImplemented if by_engine is None else by_engine(function, args, kwargs)
        return _python(compiled, args, kwargs) if found is NotImplemented else found
    if kind.__name__ == "DUFunc":
        return vectorized(np.vectorize(function._dispatcher.py_func), args, kwargs)
    if kind is functools._lru_cache_wrapper:
        # The cache would hand out values of one differentiation in the next.
        return call(function.__wrapped__, *args, **kwargs)
    if kind is np.ufunc:
        return hooks.ufunc(function, "__call__", args, kwargs)
    if kind is types.BuiltinFunctionType:
        if type(function.__self__) is np.ufunc:
            return hooks.ufunc(function.__self__, function.__name__, args, kwargs)
        return _builtin(function, args, kwargs)
    if hasattr(function, "_implementation"):
        return (
            wrap(hooks.function(function, args, kwargs))
            if _any_traced(args, kwargs)
            else wrap(hooks.unaffected(function, args, kwargs))
        )
    if kind is np.vectorize:
        return vectorized(function, args, kwargs)
    method = getattr(kind, "__call__", None)  # noqa: B004 - the method itself is wanted
    if isinstance(method, types.FunctionType) and not _is_opaque(method):
        return call(method, function, *args, **kwargs)
    return _builtin(function, args, kwargs)


def _any_traced(args: Any, kwargs: Any) -> bool:
    return any(isinstance(each, Traced) for each in values_in([list(args), kwargs]))


# Modules of numbad whose functions are for tracing: they are written as the user's are.
_TRACED_MODULES = (
    "numbad.rules.",
    "numbad.kernels.",
    "numbad.frontend.arrays.decomp",
    "numbad.buffers",
    "numbad.demo",
    "numbad.solvers",
    "numbad.interop.functions",
)


def _is_opaque(function: Any) -> bool:
    module = function.__module__ or ""
    return module.partition(".")[0] in _OPAQUE and not module.startswith(_TRACED_MODULES)


def _python(function: types.FunctionType, args: Any, kwargs: Any) -> Any:
    """Call a Python function: by its rule, or rewritten."""
    if declare.lookup(function) is not None:
        return apply_user_rule(function, args, kwargs)
    handler = handler_of(function)
    if handler is not None:
        return handler(*args, **kwargs)
    if rewrite.is_rewritten(function):
        _note(function)
        return function(*args, **kwargs)
    if has_rule(function) and _any_active(args):
        return by_rule(function, *args)
    if _is_opaque(function):
        if function.__module__ == "numbad.frontend.arrays.intrinsics":
            return function(*mapped(plain, args))
        if function.__module__.partition(".")[0] == "numpy" and _any_traced(args, kwargs):
            # Python code that asks what its arguments are, as np.isscalar does.
            return wrap(python_call(function, args, kwargs))
        return wrap(function(*args, **kwargs))
    return python_call(function, args, kwargs)


def _any_active(args: Any) -> bool:
    return any(is_active(each) for each in values_in(list(args)))


def python_call(function: types.FunctionType, args: Any, kwargs: Any) -> Any:
    """Call a Python function in the form that is traced."""
    new = rewrite.rewritten(function, HOOKS)
    if new is None:
        return hooks.without_source(function, args, kwargs)
    _note(function)
    return new(*args, **kwargs)


def _note(function: types.FunctionType) -> None:
    """Remember what a function may leave traced values in."""
    levels = current()
    if levels:
        noted = levels[-1].functions
        if function.__code__ not in noted:
            noted[function.__code__] = function


def _made(cls: type, args: Any, kwargs: Any) -> Any:
    """Make an object; the Python code of its class is traced."""
    init: Any = cls.__init__  # type: ignore[misc]
    new: Any = cls.__new__
    calls = inspect.getattr_static(type(cls), "__call__")
    if calls is not inspect.getattr_static(type, "__call__") or not (
        isinstance(init, types.FunctionType) or isinstance(new, types.FunctionType)
    ):
        return _builtin(cls, args, kwargs)
    if _is_opaque(cls):
        return cls(*args, **kwargs)
    if isinstance(new, types.FunctionType):
        found = call(new, cls, *args, **kwargs)
    elif new is object.__new__:
        found = object.__new__(cls)
    else:
        found = new(cls, *args, **kwargs)
    if isinstance(found, cls) and protocols.is_generated(type(found)):
        protocols.initialise(found, args, kwargs)
    elif isinstance(found, cls) and isinstance(init, types.FunctionType):
        call(init, found, *args, **kwargs)
    elif isinstance(found, cls) and init is not object.__init__:
        init(found, *args, **kwargs)
    return found


def _builtin(function: Any, args: Any, kwargs: Any) -> Any:
    """Call what is not written in Python."""
    if not kwargs and has_rule(function) and _any_active(args):
        return by_rule(function, *args)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, list | dict | set) or type(owner).__module__ == "collections":
        _note_container(owner)
        if type(owner) is list and function.__name__ == "sort" and kwargs.get("key") is not None:
            kwargs = {**kwargs, "key": traced(kwargs["key"])}
        return wrap(function(*args, **kwargs))
    args = tuple(traced(each) for each in args)
    kwargs = {name: traced(each) for name, each in kwargs.items()}
    try:
        return wrap(function(*args, **kwargs))
    except NoRule as error:
        if "asked for the number inside" not in error.what:
            raise
        raise NoRule(f"`{name_of(function)}` has no derivative rule.") from error
    except Exception as error:
        # An error of a Python function that was called back has more of a traceback.
        is_own = error.__traceback__ is not None and error.__traceback__.tb_next is None
        of_module = owner is None or type(owner) is types.ModuleType
        if not is_own or not of_module or not _any_active(args):
            raise
        raise NoRule(f"`{name_of(function)}` has no derivative rule.") from error


def traced(value: Any) -> Any:
    """Return a function to pass to code that is not traced, so that its calls are."""
    if type(value) is types.FunctionType and not rewrite.is_rewritten(value):
        return functools.partial(call, value)
    if type(value) is types.MethodType and type(value.__func__) is types.FunctionType:
        return functools.partial(call, value)
    if value in _TO_TRACE:
        return functools.partial(call, value)
    return value


class _ToTrace:
    def __contains__(self, value: Any) -> bool:
        return isinstance(value, types.BuiltinFunctionType) and rules.lookup(value) is not None


_TO_TRACE = _ToTrace()


# --- reads and writes -------------------------------------------------------------------------


def name(value: Any) -> Any:
    """Return what a name stands for, as traced code sees it."""
    if type(value) is np.ndarray:
        for level in current():
            level.check(value)
        return wrap(value)
    return value


def attribute(owner: Any, attr: str) -> Any:
    """Return ``owner.attr``; properties written in Python are traced."""
    kind = type(owner)
    if isinstance(owner, Traced):
        if attr == "__class__":
            return type(plain(owner))
        return getattr(owner, attr)
    if kind is types.ModuleType:
        return name(getattr(owner, attr))
    if not isinstance(owner, type):
        for cls in kind.__mro__:
            found = cls.__dict__.get(attr)
            if found is None:
                continue
            if type(found) is property and isinstance(found.fget, types.FunctionType):
                return call(found.fget, owner)
            if type(found) is functools.cached_property:
                if attr not in owner.__dict__:
                    owner.__dict__[attr] = call(found.func, owner)
                    _note_container(owner.__dict__)
                return name(owner.__dict__[attr])
            descriptor = protocols.described(owner, attr)
            if descriptor is not None:
                return call(descriptor, found, owner, kind)
            break
        fallback = protocols.written_in_python(owner, "__getattr__")
        if fallback is not None:
            try:
                return name(object.__getattribute__(owner, attr))
            except AttributeError:
                return call(fallback, owner, attr)
    return name(getattr(owner, attr))


def item(owner: Any, key: Any) -> Any:
    """Return ``owner[key]``."""
    kind = type(owner)
    if kind is TracedArray:
        return hooks.get_item(owner, key)
    method = getattr(kind, "__getitem__", None)
    if type(method) is types.FunctionType and not _is_opaque(method):
        return call(method, owner, key)
    return name(owner[key])


def set_item(owner: Any, key: Any, value: Any) -> None:
    """Do ``owner[key] = value``."""
    kind = type(owner)
    if kind is TracedArray:
        hooks.set_item(owner, key, value)
        return
    if kind is np.ndarray:
        hooks.set_item(wrap(owner), key, value)
        return
    method = getattr(kind, "__setitem__", None)
    if type(method) is types.FunctionType and not _is_opaque(method):
        call(method, owner, key, value)
        return
    _note_container(owner)
    owner[key] = value


def set_attribute(owner: Any, attr: str, value: Any) -> None:
    """Do ``owner.attr = value``."""
    for cls in type(owner).__mro__:
        found = cls.__dict__.get(attr)
        if type(found) is property and isinstance(found.fset, types.FunctionType):
            call(found.fset, owner, value)
            return
    descriptor = protocols.found_on_class(owner, attr)
    setter = protocols.written_in_python(descriptor, "__set__")
    if setter is not None and not isinstance(type(owner).__setattr__, types.FunctionType):
        call(setter, descriptor, owner, value)
        return
    method = type(owner).__setattr__
    if isinstance(method, types.FunctionType) and not _is_opaque(method):
        call(method, owner, attr, value)
    else:
        setattr(owner, attr, value)
    _note_container(owner)


def _note_container(owner: Any) -> None:
    """Remember an object that traced values may have been put in."""
    levels = current()
    if levels:
        levels[-1].containers[id(owner)] = owner


_SLOTS: dict[str, tuple[Callable[..., Any], str, str]] = {}
for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]:
    _function = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    _key = f"{_name}_" if _name in ("and", "or") else _name
    _SLOTS[_key] = (_function, f"__{_name}__", f"__r{_name}__")
for _name, _swapped in (
    ("eq", "eq"),
    ("ne", "ne"),
    ("lt", "gt"),
    ("le", "ge"),
    ("gt", "lt"),
    ("ge", "le"),
):
    _SLOTS[_name] = (getattr(operator, _name), f"__{_name}__", f"__{_swapped}__")
for _name in ("neg", "pos", "invert"):
    _SLOTS[_name] = (getattr(operator, _name), f"__{_name}__", "")
_IN_PLACE = {
    _key: getattr(operator, f"i{_key.rstrip('_')}")
    for _key, _value in _SLOTS.items()
    if hasattr(operator, f"i{_key.rstrip('_')}") and _value[2].startswith("__r")
}
_BASIC = {
    int,
    float,
    complex,
    bool,
    str,
    list,
    tuple,
    TracedNumber,
    TracedArray,
    dict,
    type(None),
    np.float64,
}


def operate(which: str, *operands: Any) -> Any:
    """Apply an operator; operators written in Python are traced."""
    if which == "slice":
        return slice(*operands)
    function, slot, reflected = _SLOTS[which]
    if all(type(each) in _BASIC for each in operands):
        return function(*operands)
    if any(isinstance(each, Traced) for each in operands):
        # A number that is not ours must not take the other operand apart.
        kinds = [type(each) for each in operands if not isinstance(each, Traced)]
        if all(kind.__module__ in _NUMBERS for kind in kinds):
            return elementwise(function, *operands) if which != "matmul" else function(*operands)
    if any(type(getattr(type(each), slot, None)) is types.FunctionType for each in operands) or (
        len(operands) == 2
        and type(getattr(type(operands[1]), reflected, None)) is types.FunctionType
    ):
        return _by_slots(function, slot, reflected, operands)
    return wrap(function(*operands))


_NUMBERS = ("builtins", "numpy", "fractions", "decimal")


def _by_slots(function: Any, slot: str, reflected: str, operands: tuple[Any, ...]) -> Any:
    """Do what Python does for an operator, with the methods traced."""
    left = operands[0]
    method = getattr(type(left), slot, None)
    if len(operands) == 1:
        return call(method, left)
    right = operands[1]
    other = getattr(type(right), reflected, None)
    attempts = [(method, left, right), (other, right, left)]
    if type(right) is not type(left) and isinstance(right, type(left)):
        attempts.reverse()
    elif type(right) is type(left) and slot[2:-2] not in ("eq", "ne", "lt", "le", "gt", "ge"):
        attempts.pop()
    for attempt, this, that in attempts:
        if attempt is None:
            continue
        if type(attempt) is types.FunctionType and not _is_opaque(attempt):
            found = call(attempt, this, that)
        else:
            found = attempt(this, that)
        if found is not NotImplemented:
            return found
    return function(left, right)


def operate_in_place(which: str, left: Any, right: Any) -> Any:
    """Apply an in-place operator."""
    kind = type(left)
    function = _IN_PLACE[which]
    if kind is TracedArray:
        return function(left, right)
    method = getattr(kind, function.__name__.join(("__", "__")), None)
    if type(method) is types.FunctionType and not _is_opaque(method):
        found = call(method, left, right)
        if found is not NotImplemented:
            return found
    if kind in (list, set, dict):
        _note_container(left)
        return function(left, right)
    if method is not None and kind.__module__ not in _NUMBERS:
        return function(left, right)
    return operate(which, left, right)


def is_same(left: Any, right: Any) -> bool:
    """Do ``left is right``."""
    return plain(left) is plain(right) if isinstance(left, TracedArray) else left is right


HOOKS: dict[str, Any] = {
    "_nb_call": call,
    "_nb_name": name,
    "_nb_attr": attribute,
    "_nb_item": item,
    "_nb_set": set_item,
    "_nb_setattr": set_attribute,
    "_nb_op": operate,
    "_nb_iop": operate_in_place,
    "_nb_is": is_same,
    "_nb_iter": protocols.iterate,
    "_nb_in": protocols.contains,
    "_nb_del": protocols.delete_item,
    "_nb_with": protocols.context,
}

hooks.call = call
hooks.python_call = python_call
hooks.operate = operate
hooks.operate_in_place = operate_in_place
hooks.attribute = attribute
hooks.set_attribute = set_attribute
hooks.item = item
hooks.assign = set_item
hooks.is_opaque = _is_opaque
