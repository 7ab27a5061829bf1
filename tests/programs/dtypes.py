"""Number types: float32, complex, integers, booleans, and mixtures."""

import cmath
import math

import numpy as np

from tests.programs.program import program


@program(lambda r: (r.uniform(0.5, 1.5, 5).astype(np.float32),))
def float32_loop(x):
    s = np.float32(0.0)
    for i in range(len(x)):
        s += x[i] * x[i] * x[i - 1]
    return s


@program(lambda r: (np.float32(r.uniform(0.5, 1.5)), np.float32(r.uniform(0.5, 1.5))))
def float32_scalars(x, y):
    return np.sin(x) * np.sqrt(y) + x / y


@program(lambda r: (r.uniform(0.5, 1.5, 5).astype(np.float32), r.uniform(0.5, 1.5, 5)))
def float32_meets_float64(x, y):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * y[i]
        x[i] = y[i] * x[i]
    return s * x[0]


@program(lambda r: (r.uniform(0.5, 1.5, 5).astype(np.float32),))
def float32_array_expression(x):
    y = np.exp(-x) * x + np.float32(0.5)
    return np.sum(y * y)


@program(lambda r: (complex(r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)),))
def complex_modulus_squared(z):
    return abs(z) ** 2


@program(lambda r: (complex(r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), r.uniform(0.5, 1.5)))
def complex_holomorphic(z, a):
    w = z * z * a + cmath.exp(z) / z
    return w.real * 2.0 + w.imag


@program(lambda r: (complex(r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)),))
def complex_conjugate_and_parts(z):
    w = z.conjugate() * z.real + 1j * z
    return w.imag * z.imag + w.real


@program(lambda r: (r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)))
def complex_from_reals(a, b):
    z = complex(a, b)
    for _ in range(3):
        z = z * z + complex(0.1, -0.2) * a
        z = z / (1.0 + abs(z))
    return z.real * z.imag


@program(lambda r: (r.uniform(0.5, 1.5, 4) + 1j * r.uniform(0.5, 1.5, 4),))
def complex_array_loop(z):
    s = 0j
    for i in range(len(z)):
        s += z[i] * z[i - 1].conjugate() * (i + 1)
    z[0] = s * z[1]
    return abs(z[0]) + s.real


@program(lambda r: (r.uniform(0.5, 1.5, 4) + 1j * r.uniform(0.5, 1.5, 4),))
def complex_array_parts(z):
    return np.sum(z.real * z.imag) + np.sum(np.abs(z) ** 2)


@program(lambda r: (r.uniform(0.5, 1.5, 4), r.uniform(0.1, 0.5)))
def complex_polynomial_of_real(x, phase):
    z = complex(math.cos(phase), math.sin(phase))
    p = 0j
    for c in x:
        p = p * z + c
    return (p * p.conjugate()).real


@program(lambda r: (complex(r.uniform(0.5, 1.5), r.uniform(0.5, 1.5)), r.uniform(0.5, 1.5)))
def complex_result(z, a):
    return z * z * a + a


@program(lambda r: (3, r.uniform(0.5, 1.5)))
def integer_argument_in_arithmetic(n, x):
    return n * x * x + n


@program(lambda r: (np.arange(1, 6), r.uniform(0.5, 1.5)))
def integer_array_argument(k, x):
    s = 0.0
    for i in range(len(k)):
        s += k[i] * x ** k[i]
    return s


@program(lambda r: (r.uniform(5.0, 9.0), 3))
def integer_division_and_modulo(x, n):
    q = 17 // n
    m = 17 % n
    return x * q + (x % 2.3) * m + x // 2.0


@program(lambda r: (r.uniform(2.2, 2.8),))
def integer_from_float(x):
    k = int(x)
    return x**k * k + round(x) * x + math.floor(x) + math.ceil(x) * x


@program(lambda r: (r.uniform(0.5, 1.5, 4), np.array([True, False, True, True])))
def boolean_array(x, keep):
    s = 0.0
    for i in range(4):
        if keep[i]:
            s += x[i] * x[i]
        s += keep[i] * x[i]
    return s


@program(lambda r: (r.uniform(0.5, 1.5), 0b1011))
def bit_operations(x, bits):
    y = 1.0
    while bits > 0:
        if bits & 1:
            y *= x
        x = x * x
        bits >>= 1
    return y


@program(lambda r: (r.uniform(0.5, 1.5), 2))
def type_widened_in_loop(x, n):
    s = 0
    t = 1
    for i in range(n + 2):
        t = t * (i + 1)
        s = s + x / t
    return s


@program(lambda r: (r.uniform(0.5, 1.5, 4),), step=0.3, tolerance=500.0)
def explicit_casts(x):
    y = x.astype(np.float32)
    z = np.float64(y[0]) * x[1] + float(3)
    k = np.int64(7)
    return z * k + y.astype(np.float64)[2] * x[3]


@program(lambda r: (r.uniform(0.5, 1.5), np.int32(4), np.uint8(2)))
def numpy_integers(x, n, m):
    y = x
    for _ in range(n):
        y = y * x + m
    return y / n


@program(lambda r: (r.uniform(-1.0, -0.5), r.uniform(0.3, 0.8)))
def absolute_values_and_extrema(x, y):
    a = abs(x) * max(x, y) + min(x * y, 3.0)
    b = math.fabs(y) * math.copysign(y, x)
    return a + b + max(x, y, 0.1) * min(1.0, x, y)
