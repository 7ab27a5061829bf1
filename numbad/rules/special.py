"""Digamma and its derivatives, which the derivatives of the gamma function need."""

from __future__ import annotations

from numbad.kernels.special import digamma, polygamma, trigamma
from numbad.rules.declare import scalar_rule
from numbad.rules.domains import Integers, Interval

_DOMAIN = Interval(0.2, 8.0)


@scalar_rule(digamma, domain=_DOMAIN, singular=True)
def digamma_rule(x):
    """dψ = ψ' dx."""
    return trigamma(x)


@scalar_rule(trigamma, domain=_DOMAIN, singular=True)
def trigamma_rule(x):
    """dψ' = ψ'' dx."""
    return polygamma(2, x)


@scalar_rule(polygamma, domain=(Integers(1, 4), _DOMAIN), singular=True, keeps_integers=True)
def polygamma_rule(n, x):
    """dψ⁽ⁿ⁾ = ψ⁽ⁿ⁺¹⁾ dx."""
    return None, polygamma(n + 1, x)
