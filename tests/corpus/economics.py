"""Root finding, dynamic programming and inequality measures as economics libraries write them."""

from collections import namedtuple

import numpy as np
from numba import jit, njit

from tests.programs.program import program

results = namedtuple("results", "root function_calls iterations converged")


@njit
def _bisect_interval(a, b, fa, fb):
    if fa * fb > 0:
        raise ValueError("f(a) and f(b) must have different signs")
    root = 0.0
    converged = False
    if fa == 0:
        root = a
        converged = True
    if fb == 0:
        root = b
        converged = True
    return root, converged


@njit
def newton(func, x0, fprime, args=(), tol=1.48e-8, maxiter=50):
    p0 = 1.0 * x0
    funcalls = 0
    status = False
    p = p0
    for itr in range(maxiter):
        fval = func(p0, *args)
        funcalls += 1
        if fval == 0:
            status = True
            p = p0
            itr -= 1
            break
        fder = fprime(p0, *args)
        funcalls += 1
        if fder == 0:
            break
        p = p0 - fval / fder
        if abs(p - p0) < tol:
            status = True
            break
        p0 = p
    return results(p, funcalls, itr + 1, status)


@njit
def secant(func, x0, args=(), tol=1e-13, maxiter=50):
    p0 = 1.0 * x0
    p1 = x0 * (1 + 1e-2) + 1e-2
    q0 = func(p0, *args)
    q1 = func(p1, *args)
    p = p1
    for _ in range(maxiter):
        if q1 == q0:
            p = (p1 + p0) / 2.0
            break
        p = p1 - q1 * (p1 - p0) / (q1 - q0)
        if np.abs(p - p1) < tol:
            break
        p0 = p1
        q0 = q1
        p1 = p
        q1 = func(p1, *args)
    return p


@njit
def brentq(f, a, b, args=(), xtol=1e-13, rtol=1e-14, maxiter=100):
    xpre = a * 1.0
    xcur = b * 1.0
    fpre = f(xpre, *args)
    fcur = f(xcur, *args)
    funcalls = 2
    root, status = _bisect_interval(xpre, xcur, fpre, fcur)
    xblk = 0.0
    fblk = 0.0
    spre = 0.0
    scur = 0.0
    if not status:
        for _ in range(maxiter):
            if fpre * fcur < 0:
                xblk = xpre
                fblk = fpre
                spre = scur = xcur - xpre
            if abs(fblk) < abs(fcur):
                xpre = xcur
                xcur = xblk
                xblk = xpre
                fpre = fcur
                fcur = fblk
                fblk = fpre
            delta = (xtol + rtol * abs(xcur)) / 2
            sbis = (xblk - xcur) / 2
            if fcur == 0 or abs(sbis) < delta:
                status = True
                root = xcur
                break
            if abs(spre) > delta and abs(fcur) < abs(fpre):
                if xpre == xblk:
                    stry = -fcur * (xcur - xpre) / (fcur - fpre)
                else:
                    dpre = (fpre - fcur) / (xpre - xcur)
                    dblk = (fblk - fcur) / (xblk - xcur)
                    stry = -fcur * (fblk * dblk - fpre * dpre) / (dblk * dpre * (fblk - fpre))
                if 2 * abs(stry) < min(abs(spre), 3 * abs(sbis) - delta):
                    spre = scur
                    scur = stry
                else:
                    spre = sbis
                    scur = sbis
            else:
                spre = sbis
                scur = sbis
            xpre = xcur
            fpre = fcur
            if abs(scur) > delta:
                xcur += scur
            else:
                xcur += delta if sbis > 0 else -delta
            fcur = f(xcur, *args)
            funcalls += 1
    return results(root, funcalls, 0, status)


@njit
def _excess_demand(price, a, b):
    return a / price - b * price**2


@njit
def _excess_demand_slope(price, a, b):
    return -a / price**2 - 2.0 * b * price


@program(lambda r: (r.uniform(1.0, 2.0), r.uniform(0.5, 1.0)))
@njit
def equilibrium_by_newton(a, b):
    return newton(_excess_demand, 1.1, _excess_demand_slope, args=(a, b)).root


@program(lambda r: (r.uniform(1.0, 2.0), r.uniform(0.5, 1.0)))
@njit
def equilibrium_by_secant(a, b):
    return secant(_excess_demand, 1.1, args=(a, b))


@program(lambda r: (r.uniform(1.0, 2.0), r.uniform(0.5, 1.0)))
@njit
def equilibrium_by_brent_and_implicit_step(a, b):
    """A last Newton step from the root: its derivative is that of the implicit function."""
    p = brentq(_excess_demand, 0.3, 4.0, args=(1.5, 0.75)).root
    for _ in range(6):
        p = p - _excess_demand(p, a, b) / _excess_demand_slope(p, a, b)
    return p


@program(lambda r: (r.uniform(0.5, 1.5, 7),))
@njit
def gini_coefficient(y):
    n = len(y)
    i_sum = np.zeros(n)
    for i in range(n):
        for j in range(n):
            i_sum[i] += abs(y[i] - y[j])
    return np.sum(i_sum) / (2 * n * np.sum(y))


@program(lambda r: (r.uniform(0.5, 1.5, 6),))
@njit
def lorenz_curve(y):
    n = len(y)
    y = np.sort(y)
    s = np.zeros(n + 1)
    s[1:] = np.cumsum(y)
    cum_income = np.zeros(n + 1)
    for i in range(1, n + 1):
        cum_income[i] = s[i] / s[n]
    return cum_income


@program(lambda r: (r.uniform(0.5, 1.5, 6), r.uniform(1.2, 2.5)))
@njit
def atkinson_index(y, epsilon):
    n = y.shape[0]
    mean = 0.0
    for v in y:
        mean += v / n
    total = 0.0
    for v in y:
        total += v ** (1.0 - epsilon) / n
    return 1.0 - total ** (1.0 / (1.0 - epsilon)) / mean


@njit
def _standard_normal_cdf(x):
    return 0.5 * (1.0 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


@program(lambda r: (5, r.uniform(0.3, 0.8), r.uniform(0.1, 0.3)))
@njit
def tauchen(n, rho, sigma):
    std_y = np.sqrt(sigma**2 / (1 - rho**2))
    x_max = 3 * std_y
    x_min = -x_max
    x = np.linspace(x_min, x_max, n)
    step = (x_max - x_min) / (n - 1)
    half_step = 0.5 * step
    P = np.empty((n, n))
    for i in range(n):
        P[i, 0] = _standard_normal_cdf((x[0] - rho * x[i] + half_step) / sigma)
        P[i, n - 1] = 1 - _standard_normal_cdf((x[n - 1] - rho * x[i] - half_step) / sigma)
        for j in range(1, n - 1):
            z = x[j] - rho * x[i]
            P[i, j] = _standard_normal_cdf((z + half_step) / sigma) - _standard_normal_cdf(
                (z - half_step) / sigma
            )
    return P


@njit
def _interpolate(grid, values, x):
    n = grid.shape[0]
    if x <= grid[0]:
        return values[0]
    if x >= grid[n - 1]:
        return values[n - 1]
    i = np.searchsorted(grid, x) - 1
    w = (x - grid[i]) / (grid[i + 1] - grid[i])
    return (1.0 - w) * values[i] + w * values[i + 1]


@njit
def _golden_maximum(grid, v, y, alpha, beta):
    a, b = 1e-3, y - 1e-3
    invphi = 0.6180339887498949
    for _ in range(20):
        c = b - invphi * (b - a)
        d = a + invphi * (b - a)
        fc = np.log(c) + beta * _interpolate(grid, v, (y - c) ** alpha)
        fd = np.log(d) + beta * _interpolate(grid, v, (y - d) ** alpha)
        if fc > fd:
            b = d
        else:
            a = c
    c = 0.5 * (a + b)
    return np.log(c) + beta * _interpolate(grid, v, (y - c) ** alpha)


@program(
    lambda r: (
        np.linspace(0.2, 2.0, 6),
        np.log(np.linspace(0.2, 2.0, 6)) + r.uniform(0.0, 0.02, 6),
        0.4,
        0.9,
    ),
    wrt=(1, 3),
    step=1e-5,
    tolerance=10.0,
)
@njit
def bellman_operator(grid, v, alpha, beta):
    v_new = np.empty_like(v)
    for i in range(grid.shape[0]):
        v_new[i] = _golden_maximum(grid, v, grid[i], alpha, beta)
    return v_new


@program(lambda r: (r.uniform(0.2, 0.4), 0.95, r.uniform(0.3, 0.6), 12))
@njit
def optimal_growth_path(alpha, beta, k0, periods):
    welfare = 0.0
    k = k0
    discount = 1.0
    for _ in range(periods):
        y = k**alpha
        c = (1.0 - alpha * beta) * y
        welfare += discount * np.log(c)
        discount *= beta
        k = y - c
    return welfare


@program(lambda r: (r.uniform(0.1, 1.0, (3, 3)), 0.9, r.uniform(0.5, 1.5, 3)))
@njit
def markov_discounted_value(p, beta, reward):
    n = p.shape[0]
    q = np.empty((n, n))
    for i in range(n):
        row = 0.0
        for j in range(n):
            row += p[i, j]
        for j in range(n):
            q[i, j] = p[i, j] / row
    v = np.zeros(n)
    for _ in range(15):
        v = reward + beta * (q @ v)
    return v[0] + v[1] * v[2]


@program(lambda r: (np.array([1.2, 0.8]) + r.uniform(-0.05, 0.05, 2),))
@jit(nopython=True)
def nelder_mead_from_simplex(x0):
    """The simplex moves by comparisons; its vertices are linear in the start point."""
    n = x0.shape[0]
    vertices = np.empty((n + 1, n))
    vertices[0] = x0
    for i in range(n):
        vertices[i + 1] = x0
        vertices[i + 1, i] = 1.05 * x0[i] + 0.1
    values = np.empty(n + 1)
    for i in range(n + 1):
        values[i] = _bowl(vertices[i])
    for _ in range(6):
        order = np.argsort(values)
        best, worst = order[0], order[n]
        centre = np.zeros(n)
        for i in range(n):
            centre += vertices[order[i]] / n
        reflected = centre + (centre - vertices[worst])
        value = _bowl(reflected)
        if value < values[best]:
            expanded = centre + 2.0 * (reflected - centre)
            other = _bowl(expanded)
            if other < value:
                vertices[worst] = expanded
                values[worst] = other
            else:
                vertices[worst] = reflected
                values[worst] = value
        elif value < values[order[n - 1]]:
            vertices[worst] = reflected
            values[worst] = value
        else:
            contracted = centre + 0.5 * (vertices[worst] - centre)
            vertices[worst] = contracted
            values[worst] = _bowl(contracted)
    total = 0.0
    for i in range(n + 1):
        total += values[i] * (i + 1)
    return total


@njit
def _bowl(x):
    return (x[0] - 0.3) ** 2 + 2.0 * (x[1] + 0.1) ** 2 + 0.3 * x[0] * x[1]
