"""Operations on traced values: the value below the level, and the linear maps of its derivative.

``elementwise`` serves numbers, and arrays that broadcast; ``pairwise`` the array functions whose
rule is written per mode. Both find the rule in the registry that the compiled engine uses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbad.errors import NoRule
from numbad.rules import registry
from numbad.rules.forms import LinearRule, Missing, PairRule, Rule, ScalarRule, ZeroDerivative
from numbad.traced import bodies
from numbad.traced.activity import highest, level_of, settle, strip, takes_part
from numbad.traced.bodies import is_array, is_complex
from numbad.traced.levels import Level, beneath
from numbad.traced.memory import root
from numbad.traced.values import TracedArray, hooks, plain, wrap


def name_of(function: Any) -> str:
    """Return a function's name as a user writes it."""
    module = getattr(function, "__module__", None)
    name = str(getattr(function, "__name__", None) or repr(function))
    if isinstance(function, np.ufunc):
        module = "numpy"
    return name if module in (None, "builtins", "_operator") else f"{module}.{name}"


def rule_for(function: Any, args: list[Any]) -> Rule:
    """Return the rule of a function for these operands; NoRule if there is none."""
    complex_ = any(is_complex(each) for each in args)
    rule = registry.lookup(function, is_complex=complex_)
    if rule is None or isinstance(rule, Missing):
        raise no_rule(function, rule, complex_)
    return rule


def no_rule(function: Any, rule: Missing | None = None, complex_: bool = False) -> NoRule:
    """Make the error for a function that cannot be differentiated."""
    operands = " with complex operands" if complex_ else ""
    what = f"`{name_of(function)}` has no derivative rule{operands}."
    if rule is None:
        return NoRule(what)
    return NoRule(what, why=rule.reason + ".", remedy=rule.remedy)


def elementwise(function: Any, *operands: Any) -> Any:
    """Apply a function of numbers, element by element where operands are arrays."""
    args = [settle(each) for each in operands]
    level = highest(map(level_of, args))
    if level is None:
        return wrap(function(*map(plain, args)))
    active = [takes_part(each, level) for each in args]
    lower = [strip(each, level) for each in args]
    with beneath(level):
        y = elementwise(function, *lower)
        rule = _MULTIPLY if function is bodies.product else rule_for(function, lower)
        match rule:
            case ScalarRule():
                constants = [None if on else each for each, on in zip(args, active, strict=True)]
                maps = _partial_maps(rule.specialise(constants), lower, y, active)
            case PairRule():
                maps = _pair_maps(rule, lower, y, active, elementwise_body=True)
            case LinearRule():
                maps = _linear_maps(rule, function, lower, active)
            case ZeroDerivative():
                if rule.refusal:
                    raise NoRule(f"`{name_of(function)}`: {rule.refusal}.")
                if not _is_number(y):
                    return y
                maps = _zero_maps(lower, active)
            case _:
                raise no_rule(function)
    return _recorded(level, y, args, maps)


Maps = tuple[list[int], Any, Any]
"""Positions of the active operands that matter, push and pull."""


def _recorded(level: Level, y: Any, args: list[Any], maps: Maps) -> Any:
    positions, push, pull = maps
    if not positions:
        return y
    if is_array(y) and any(is_array(each) and root(plain(each)) is root(plain(y)) for each in args):
        with beneath(level):
            y = hooks.call(np.copy, y)
    return level.record(y, [args[i] for i in positions], push, pull)


def _is_number(y: Any) -> bool:
    """Whether a value can carry a derivative: not a truth value."""
    found = plain(y)
    if isinstance(found, np.ndarray):
        return found.dtype.kind in "iufc"
    return not isinstance(found, bool | np.bool_)


def _partial_maps(rule: ScalarRule, args: list[Any], y: Any, active: list[bool]) -> Maps:
    given = bodies.operands(rule, args, y)
    result = bodies.ieee(y) if not is_array(y) else y
    found = bodies.run(rule.body, given, result, elementwise=True)
    partials = found if isinstance(found, tuple) else (found,)
    positions = [i for i, on in enumerate(active) if on and partials[i] is not None]
    slopes = [_own(partials[i], [*args, y]) for i in positions]
    likes = [args[i] for i in positions]

    def push(tangents: list[Any]) -> Any:
        total = None
        for tangent, slope in zip(tangents, slopes, strict=True):
            term = multiplied(tangent, slope)
            total = term if total is None else total + term
        return total

    def pull(y_bar: Any) -> list[Any]:
        return [
            fitted(multiplied(y_bar, bodies.conjugate(slope)), like)
            for slope, like in zip(slopes, likes, strict=True)
        ]

    return positions, push, pull


def _own(slope: Any, others: list[Any]) -> Any:
    """Return a slope in memory of its own, which later assignments do not reach."""
    if not is_array(slope):
        return slope
    array = plain(slope)
    if any(is_array(each) and np.may_share_memory(array, plain(each)) for each in others):
        return hooks.call(np.copy, wrap(slope))
    return wrap(slope)


def multiplied(cotangent: Any, slope: Any) -> Any:
    """Return the product by which slopes act; see ``bodies.product``."""
    if type(cotangent) in _FLOATS and type(slope) in _FLOATS:
        found = cotangent * slope
        if not bodies.isnan(found):
            return found
    if type(slope) is int and slope == 1:
        return cotangent
    return elementwise(bodies.product, cotangent, slope)


_FLOATS = (float, np.float64, int)
_MULTIPLY = registry.lookup(np.multiply)


def _pair_maps(
    rule: PairRule, args: list[Any], y: Any, active: list[bool], *, elementwise_body: bool
) -> Maps:
    given = bodies.operands(None, args, y) if elementwise_body else list(args)
    given = [_own(each, [each]) for each in given]
    result = _own(y, [y])
    positions = [i for i, on in enumerate(active) if on]
    shared = [args[i] for i in positions]

    def push(tangents: list[Any]) -> Any:
        if rule.jvp is None:
            raise NoRule(rule.reasons.get("jvp", "There is no forward rule."))
        every = [_zero_like(each) for each in given]
        for i, tangent in zip(positions, tangents, strict=True):
            every[i] = tangent
        found = bodies.run(rule.jvp, [*given, *every], result, elementwise=elementwise_body)
        terms = found if isinstance(found, tuple) else (found,)
        total = None
        for i in positions:
            if terms[i] is not None:
                total = terms[i] if total is None else total + terms[i]
        return total

    def pull(y_bar: Any) -> list[Any]:
        if rule.vjp is None:
            raise NoRule(rule.reasons.get("vjp", "There is no reverse rule."))
        found = bodies.run(rule.vjp, [y_bar, *given], result, elementwise=elementwise_body)
        every = found if isinstance(found, tuple) else (found,)
        return [
            None if every[i] is None else fitted(every[i], like)
            for i, like in zip(positions, shared, strict=True)
        ]

    return positions, push, pull


def _zero_like(value: Any) -> Any:
    found = plain(value)
    if isinstance(found, np.ndarray):
        return TracedArray(np.zeros(found.shape, np.result_type(found.dtype, np.float32)))
    return 0j if is_complex(found) else 0.0


def _linear_maps(rule: LinearRule, function: Any, args: list[Any], active: list[bool]) -> Maps:
    rest = args[1:]

    def push(tangents: list[Any]) -> Any:
        return hooks.call(function, tangents[0], *rest)

    def pull(y_bar: Any) -> list[Any]:
        found = bodies.run(rule.transpose, [y_bar, *args], None, elementwise=True)
        return [fitted(found, args[0])]

    return [0] if active[0] else [], push, pull


def _zero_maps(args: list[Any], active: list[bool]) -> Maps:
    positions = [i for i, on in enumerate(active) if on]

    def push(tangents: list[Any]) -> Any:
        return 0.0

    def pull(y_bar: Any) -> list[Any]:
        return [_zero_like(args[i]) for i in positions]

    return positions, push, pull


def fitted(cotangent: Any, like: Any) -> Any:
    """Return a cotangent in the shape of the operand that was broadcast; real if that is real."""
    if is_complex(cotangent) and not is_complex(like):
        cotangent = hooks.call(np.real, cotangent)
    shape = np.shape(plain(like))
    given = np.shape(plain(cotangent))
    if given != shape:
        if len(given) < len(shape) or any(
            m not in (1, n) for m, n in zip(shape[::-1], given[::-1], strict=False)
        ):
            return hooks.call(np.broadcast_to, cotangent, shape)
        lead = tuple(range(len(given) - len(shape)))
        stretched = tuple(
            len(lead) + i for i, n in enumerate(shape) if n == 1 and given[len(lead) + i] != 1
        )
        if lead or stretched:
            cotangent = hooks.call(np.sum, cotangent, axis=(*lead, *stretched), keepdims=True)
            cotangent = hooks.call(np.reshape, cotangent, shape)
    if is_array(cotangent) and not is_array(like):
        return hooks.get_item(wrap(cotangent), ())
    return cotangent


def pairwise(function: Any, *operands: Any) -> Any:
    """Apply an array function that has a rule per mode."""
    args = [settle(each) for each in operands]
    level = highest(map(level_of, args))
    if level is None:
        return wrap_all(function(*map(plain, args)))
    active = [takes_part(each, level) for each in args]
    lower = [strip(each, level) for each in args]
    with beneath(level):
        y = pairwise(function, *lower)
        rule = rule_for(function, lower)
        match rule:
            case PairRule():
                maps = _pair_maps(rule, lower, y, active, elementwise_body=False)
            case ZeroDerivative():
                return y
            case _:
                raise no_rule(function)
    return _recorded(level, y, args, maps)


def has_rule(function: Any) -> bool:
    """Whether the registry knows a function, for real or complex operands."""
    return any(registry.lookup(function, is_complex=each) is not None for each in (False, True))


def by_rule(function: Any, *operands: Any) -> Any:
    """Apply a function of the registry, of numbers or of arrays."""
    for is_complex_ in (False, True):
        rule = registry.lookup(function, is_complex=is_complex_)
        if isinstance(rule, PairRule) and rule.samples is not None:
            return pairwise(function, *operands)
    return elementwise(function, *operands)


def wrap_all(value: Any) -> Any:
    """Return the result of a NumPy function as a traced function is to see it."""
    if isinstance(value, tuple):
        items = [wrap_all(item) for item in value]
        return tuple(items) if type(value) is tuple else type(value)(*items)
    if isinstance(value, list):
        return [wrap_all(item) for item in value]
    return wrap(value)


hooks.elementwise = elementwise
