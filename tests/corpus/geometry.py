"""Geodesy, rotations and intersections."""

import math

import numpy as np
from numba import njit

from tests.programs.program import program


@program(
    lambda r: (
        r.uniform(40.0, 42.0),
        r.uniform(1.0, 3.0),
        r.uniform(50.0, 52.0),
        r.uniform(8.0, 10.0),
    )
)
@njit
def great_circle_distance(lat1, lon1, lat2, lon2):
    lon1, lat1, lon2, lat2 = map(math.radians, (lon1, lat1, lon2, lat2))
    dlon = lon2 - lon1
    dlat = lat2 - lat1
    a = math.sin(dlat / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(dlon / 2) ** 2
    return 6.371 * 2 * math.asin(math.sqrt(a))


@program(
    lambda r: (r.uniform(0.6, 0.7), r.uniform(0.0, 0.1), r.uniform(0.8, 0.9), r.uniform(0.2, 0.3))
)
@njit
def vincenty_distance(lat1, lon1, lat2, lon2):
    a = 6.378137
    f = 1.0 / 298.257223563
    b = (1.0 - f) * a
    u1 = math.atan((1.0 - f) * math.tan(lat1))
    u2 = math.atan((1.0 - f) * math.tan(lat2))
    length = lon2 - lon1
    lam = length
    su1, cu1 = math.sin(u1), math.cos(u1)
    su2, cu2 = math.sin(u2), math.cos(u2)
    for _ in range(100):
        sl, cl = math.sin(lam), math.cos(lam)
        sin_sigma = math.sqrt((cu2 * sl) ** 2 + (cu1 * su2 - su1 * cu2 * cl) ** 2)
        if sin_sigma == 0.0:
            return 0.0
        cos_sigma = su1 * su2 + cu1 * cu2 * cl
        sigma = math.atan2(sin_sigma, cos_sigma)
        sin_alpha = cu1 * cu2 * sl / sin_sigma
        cos_sq_alpha = 1.0 - sin_alpha**2
        cos2sm = cos_sigma - 2.0 * su1 * su2 / cos_sq_alpha if cos_sq_alpha != 0.0 else 0.0
        c = f / 16.0 * cos_sq_alpha * (4.0 + f * (4.0 - 3.0 * cos_sq_alpha))
        previous = lam
        lam = length + (1.0 - c) * f * sin_alpha * (
            sigma + c * sin_sigma * (cos2sm + c * cos_sigma * (-1.0 + 2.0 * cos2sm**2))
        )
        if abs(lam - previous) < 1e-14:
            break
    u_sq = cos_sq_alpha * (a**2 - b**2) / b**2
    big_a = 1.0 + u_sq / 16384.0 * (4096.0 + u_sq * (-768.0 + u_sq * (320.0 - 175.0 * u_sq)))
    big_b = u_sq / 1024.0 * (256.0 + u_sq * (-128.0 + u_sq * (74.0 - 47.0 * u_sq)))
    delta = big_b * sin_sigma * (cos2sm + big_b / 4.0 * (cos_sigma * (-1.0 + 2.0 * cos2sm**2)))
    return b * big_a * (sigma - delta)


@program(lambda r: (r.uniform(2.0, 3.0), r.uniform(3.0, 4.0), r.uniform(4.0, 5.0)))
@njit
def geodetic_latitude_by_iteration(x, y, z):
    e2 = 0.00669437999014
    a = 6.378137
    p = math.hypot(x, y)
    lat = math.atan2(z, p * (1.0 - e2))
    h = 0.0
    for _ in range(8):
        n = a / math.sqrt(1.0 - e2 * math.sin(lat) ** 2)
        h = p / math.cos(lat) - n
        lat = math.atan2(z, p * (1.0 - e2 * n / (n + h)))
    return lat + 0.1 * h


@njit
def _quaternion_product(p, q):
    return (
        p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3],
        p[0] * q[1] + p[1] * q[0] + p[2] * q[3] - p[3] * q[2],
        p[0] * q[2] - p[1] * q[3] + p[2] * q[0] + p[3] * q[1],
        p[0] * q[3] + p[1] * q[2] - p[2] * q[1] + p[3] * q[0],
    )


@program(lambda r: (tuple(r.uniform(0.2, 1.0, 4).tolist()), tuple(r.uniform(0.2, 1.0, 3).tolist())))
@njit
def quaternion_rotation(q, v):
    n = math.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2 + q[3] ** 2)
    unit = (q[0] / n, q[1] / n, q[2] / n, q[3] / n)
    conjugate = (unit[0], -unit[1], -unit[2], -unit[3])
    w = _quaternion_product(_quaternion_product(unit, (0.0, v[0], v[1], v[2])), conjugate)
    return w[1] * w[2] + w[3]


@program(lambda r: (r.uniform(0.2, 1.0, 4), r.uniform(0.8, 1.2, 4), r.uniform(0.2, 0.8)))
@njit
def quaternion_slerp(p, q, t):
    d = 0.0
    np_, nq = 0.0, 0.0
    for i in range(4):
        np_ += p[i] ** 2
        nq += q[i] ** 2
        d += p[i] * q[i]
    d /= math.sqrt(np_ * nq)
    if d < 0.0:
        d = -d
        sign = -1.0
    else:
        sign = 1.0
    if d > 0.99999:
        a, b = 1.0 - t, t
    else:
        theta = math.acos(d)
        a = math.sin((1.0 - t) * theta) / math.sin(theta)
        b = math.sin(t * theta) / math.sin(theta)
    out = np.empty(4)
    for i in range(4):
        out[i] = a * p[i] / math.sqrt(np_) + sign * b * q[i] / math.sqrt(nq)
    return out


@program(lambda r: (r.uniform(0.2, 1.0, 3),))
@njit
def rodrigues_rotation(w):
    theta = np.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    k = np.zeros((3, 3))
    k[0, 1], k[0, 2] = -w[2] / theta, w[1] / theta
    k[1, 0], k[1, 2] = w[2] / theta, -w[0] / theta
    k[2, 0], k[2, 1] = -w[1] / theta, w[0] / theta
    return np.eye(3) + np.sin(theta) * k + (1.0 - np.cos(theta)) * (k @ k)


def _triangle(r):
    return (
        np.array([0.2, 0.3, -1.0]) + r.uniform(-0.05, 0.05, 3),
        np.array([0.0, 0.0, 1.0]) + r.uniform(-0.05, 0.05, 3),
        np.array([0.0, 0.0, 1.0]),
        np.array([1.0, 0.0, 1.2]),
        np.array([0.0, 1.0, 0.9]),
    )


@program(_triangle)
@njit
def ray_triangle_intersection(origin, direction, v0, v1, v2):
    e1 = v1 - v0
    e2 = v2 - v0
    h = np.cross(direction, e2)
    a = np.dot(e1, h)
    if abs(a) < 1e-9:
        return -1.0
    f = 1.0 / a
    s = origin - v0
    u = f * np.dot(s, h)
    if u < 0.0 or u > 1.0:
        return -1.0
    q = np.cross(s, e1)
    v = f * np.dot(direction, q)
    if v < 0.0 or u + v > 1.0:
        return -1.0
    return f * np.dot(e2, q) + u * v


@program(
    lambda r: (
        np.array([[0.0, 0.0], [2.0, 0.1], [2.2, 1.5], [0.3, 1.8]]) + r.uniform(-0.1, 0.1, (4, 2)),
    )
)
@njit
def polygon_area_and_perimeter(xy):
    area = 0.0
    perimeter = 0.0
    j = len(xy) - 1
    for i in range(len(xy)):
        area += (xy[j, 0] + xy[i, 0]) * (xy[j, 1] - xy[i, 1])
        perimeter += math.hypot(xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1])
        j = i
    return 0.5 * abs(area) / perimeter**2


@program(lambda r: (r.uniform(0.5, 1.5, (4, 3)), r.uniform(0.2, 1.0, 3), r.uniform(0.5, 1.5, 4)))
@njit
def camera_projection_error(points, pose, camera):
    ca, sa = math.cos(pose[0]), math.sin(pose[0])
    total = 0.0
    for i in range(points.shape[0]):
        x = ca * points[i, 0] - sa * points[i, 1] + pose[1]
        y = sa * points[i, 0] + ca * points[i, 1] + pose[2]
        z = points[i, 2] + 3.0
        u, v = x / z, y / z
        r2 = u * u + v * v
        d = 1.0 + r2 * (camera[1] + camera[2] * r2)
        total += (camera[0] * d * u - 0.3) ** 2 + (camera[3] * d * v - 0.1) ** 2
    return total


@program(lambda r: (r.uniform(0.5, 1.5, 3), 4.0))
@njit
def ray_marching_signed_distance(direction, radius):
    norm = math.sqrt(direction[0] ** 2 + direction[1] ** 2 + direction[2] ** 2)
    t = 0.0
    for _ in range(80):
        x = 0.5 + t * direction[0] / norm
        y = 0.2 + t * direction[1] / norm
        z = t * direction[2] / norm
        d = radius - math.sqrt(x * x + y * y + z * z)
        t += 0.9 * d
        if d < 1e-13:
            break
    return t


@program(lambda r: (r.uniform(0.2, 0.6, 2), r.uniform(0.3, 0.8, 3)))
@njit
def forward_kinematics(base, angles):
    x, y, total = base[0], base[1], 0.0
    lengths = (1.0, 0.7, 0.4)
    for i in range(3):
        total += angles[i]
        x += lengths[i] * math.cos(total)
        y += lengths[i] * math.sin(total)
    return x * y
