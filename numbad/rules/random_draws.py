"""Random draws: run once, in order, and never again.

A draw from a family of location and scale moves with these (the "reparametrised" derivative). A
draw from another family has an unknown derivative in its parameters: active ones are refused.
"""

from __future__ import annotations

import random

import numpy as np

from numbad.rules.declare import scalar_rule, zero_derivative
from numbad.rules.domains import POSITIVE, REAL


@scalar_rule(
    np.random.normal,
    np.random.laplace,
    np.random.logistic,
    np.random.gumbel,
    random.gauss,
    random.normalvariate,
    domain=(REAL, POSITIVE),
    impure=True,
)
def location_and_scale(location=0.0, scale=1.0, *, y):
    """y = location + scale z, with z a standard draw."""
    return 1, (y - location) / scale


@scalar_rule(np.random.uniform, random.uniform, domain=(REAL, REAL), impure=True)
def uniform(low=0.0, high=1.0, *, y):
    """y = low + (high - low) z, with z a standard draw."""
    z = (y - low) / (high - low)
    return 1 - z, z


@scalar_rule(np.random.exponential, np.random.rayleigh, domain=POSITIVE, impure=True)
def scale_alone(scale=1.0, *, y):
    """y = scale z, with z a standard draw."""
    return y / scale


@scalar_rule(random.expovariate, domain=POSITIVE, impure=True)
def rate_alone(rate=1.0, *, y):
    """y = z / rate, with z a standard draw."""
    return -y / rate


@scalar_rule(np.random.lognormal, random.lognormvariate, domain=(REAL, POSITIVE), impure=True)
def lognormal(mean=0.0, sigma=1.0, *, y):
    """ln y = mean + sigma z, with z a standard draw."""
    return y, y * (np.log(y) - mean) / sigma


@scalar_rule(np.random.weibull, domain=POSITIVE, impure=True)
def weibull(a, *, y):
    """y = z^(1/a), with z a standard draw."""
    return -y * np.log(y) / a


@scalar_rule(np.random.pareto, domain=POSITIVE, impure=True)
def pareto(a, *, y):
    """y + 1 = z^(-1/a), with z a standard draw."""
    return -(1 + y) * np.log1p(y) / a


_PLAIN = "rand randn random random_sample ranf sample standard_cauchy standard_exponential"
zero_derivative(
    *(getattr(np.random, name) for name in (_PLAIN + " standard_normal seed").split()),
    random.random,
    random.seed,
    random.getrandbits,
    note="a draw without parameters",
    impure=True,
)

_OF_INTEGERS = "choice permutation randint shuffle"
zero_derivative(
    *(getattr(np.random, name) for name in _OF_INTEGERS.split()),
    random.randint,
    random.randrange,
    random.shuffle,
    random.choice,
    note="a draw from integers or items",
    impure=True,
    refusal="a random choice or permutation has no rule for differentiable items; draw an index "
    "with randint and subscript",
)

_PARAMETRIC = (
    "beta binomial chisquare dirichlet f gamma geometric hypergeometric logseries multinomial "
    "multivariate_normal negative_binomial noncentral_chisquare noncentral_f poisson power "
    "standard_gamma standard_t triangular vonmises wald zipf"
)
zero_derivative(
    *(getattr(np.random, name) for name in _PARAMETRIC.split()),
    random.betavariate,
    random.gammavariate,
    random.paretovariate,
    random.triangular,
    random.vonmisesvariate,
    random.weibullvariate,
    note="a draw; its parameters must not be differentiated",
    impure=True,
    refusal="the derivative of a draw with respect to the parameters of its distribution is "
    "known for families of location and scale only",
)
