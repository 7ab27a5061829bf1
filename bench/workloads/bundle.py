"""Bundle adjustment (ADBench's camera): gradient of half the sum of squared reprojection errors.

A camera is rotation vector, centre, focal length, principal point and two radial distortion terms:
11 numbers. ``bundle_blocks`` asks for the blocks of the Jacobian of the same residuals.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad


def make_args(small: bool = False) -> Args:
    """Cameras, points, weights, measured features, and which camera saw which point."""
    cameras, points, count = (2, 3, 5) if small else (50, 2000, 10_000)
    rng = np.random.default_rng(11)
    cams = np.concatenate(
        [
            0.3 * rng.standard_normal((cameras, 3)),
            np.array([0.0, 0.0, -5.0]) + 0.2 * rng.standard_normal((cameras, 3)),
            1.0 + 0.1 * rng.standard_normal((cameras, 1)),
            0.1 * rng.standard_normal((cameras, 2)),
            0.05 * rng.standard_normal((cameras, 2)),
        ],
        axis=1,
    )
    return (
        cams,
        rng.standard_normal((points, 3)),
        0.5 + rng.random(count),
        0.3 * rng.standard_normal((count, 2)),
        rng.integers(0, cameras, count),
        rng.integers(0, points, count),
    )


@njit
def rotate(r0, r1, r2, p0, p1, p2):
    square = r0 * r0 + r1 * r1 + r2 * r2
    if square == 0.0:
        return (
            p0 + r1 * p2 - r2 * p1,
            p1 + r2 * p0 - r0 * p2,
            p2 + r0 * p1 - r1 * p0,
        )
    angle = math.sqrt(square)
    cosine = math.cos(angle)
    sine = math.sin(angle)
    w0 = r0 / angle
    w1 = r1 / angle
    w2 = r2 / angle
    along = (w0 * p0 + w1 * p1 + w2 * p2) * (1.0 - cosine)
    return (
        p0 * cosine + (w1 * p2 - w2 * p1) * sine + w0 * along,
        p1 * cosine + (w2 * p0 - w0 * p2) * sine + w1 * along,
        p2 * cosine + (w0 * p1 - w1 * p0) * sine + w2 * along,
    )


@njit
def project(cam, point):
    x, y, z = rotate(
        cam[0], cam[1], cam[2], point[0] - cam[3], point[1] - cam[4], point[2] - cam[5]
    )
    x /= z
    y /= z
    square = x * x + y * y
    radial = 1.0 + cam[9] * square + cam[10] * square * square
    return x * radial * cam[6] + cam[7], y * radial * cam[6] + cam[8]


@njit
def primal(cams, points, weights, features, camera_of, point_of):
    total = 0.0
    for i in range(weights.size):
        u, v = project(cams[camera_of[i]], points[point_of[i]])
        u = weights[i] * (u - features[i, 0])
        v = weights[i] * (v - features[i, 1])
        zeroed = 1.0 - weights[i] * weights[i]
        total += 0.5 * (u * u + v * v + zeroed * zeroed)
    return total


@njit(inline="always", error_model="numpy")
def forward(cam, point):
    """Everything the backward part reads: axis, rotated point, image plane, distortion."""
    angle = math.sqrt(cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2])
    inverse = 1.0 / angle if angle != 0.0 else 0.0
    w0 = cam[0] * inverse
    w1 = cam[1] * inverse
    w2 = cam[2] * inverse
    cosine = math.cos(angle)
    sine = math.sin(angle)
    p0 = point[0] - cam[3]
    p1 = point[1] - cam[4]
    p2 = point[2] - cam[5]
    dot = w0 * p0 + w1 * p1 + w2 * p2
    along = dot * (1.0 - cosine)
    c0 = w1 * p2 - w2 * p1
    c1 = w2 * p0 - w0 * p2
    c2 = w0 * p1 - w1 * p0
    o0 = p0 * cosine + c0 * sine + w0 * along
    o1 = p1 * cosine + c1 * sine + w1 * along
    o2 = p2 * cosine + c2 * sine + w2 * along
    scale = 1.0 / o2
    x = o0 * scale
    y = o1 * scale
    square = x * x + y * y
    radial = 1.0 + cam[9] * square + cam[10] * square * square
    axis = (w0, w1, w2, inverse, cosine, sine, dot)
    turned = (p0, p1, p2, c0, c1, c2)
    return axis, turned, (scale, x, y, square, radial)


@njit(inline="always")
def pull_plane(cam, plane, u_bar, v_bar):
    """Cotangents of rotated point, focal length and distortion, from those of the image point."""
    scale, x, y, square, radial = plane
    focal_u = cam[6] * u_bar
    focal_v = cam[6] * v_bar
    radial_bar = x * focal_u + y * focal_v
    square_bar = 2.0 * radial_bar * (cam[9] + 2.0 * cam[10] * square)
    x_bar = (focal_u * radial + square_bar * x) * scale
    y_bar = (focal_v * radial + square_bar * y) * scale
    focal_bar = radial * (x * u_bar + y * v_bar)
    k1_bar = radial_bar * square
    return x_bar, y_bar, -(x_bar * x + y_bar * y), focal_bar, k1_bar, k1_bar * square


@njit(inline="always")
def pull_rotation(axis, turned, a, b, c):
    """Cotangents of the rotation vector and of the point, from that of the rotated point."""
    w0, w1, w2, inverse, cosine, sine, dot = axis
    p0, p1, p2, c0, c1, c2 = turned
    rest = 1.0 - cosine
    w_dot = w0 * a + w1 * b + w2 * c
    along = rest * w_dot
    g0 = a * cosine + (b * w2 - c * w1) * sine + w0 * along
    g1 = b * cosine + (c * w0 - a * w2) * sine + w1 * along
    g2 = c * cosine + (a * w1 - b * w0) * sine + w2 * along
    if inverse == 0.0:
        return p1 * c - p2 * b, p2 * a - p0 * c, p0 * b - p1 * a, g0, g1, g2
    angle_bar = (
        cosine * (a * c0 + b * c1 + c * c2)
        + sine * (w_dot * dot - (a * p0 + b * p1 + c * p2))
    )  # fmt: skip
    w0_bar = (p1 * c - p2 * b) * sine + rest * (a * dot + p0 * w_dot)
    w1_bar = (p2 * a - p0 * c) * sine + rest * (b * dot + p1 * w_dot)
    w2_bar = (p0 * b - p1 * a) * sine + rest * (c * dot + p2 * w_dot)
    radial = angle_bar - (w0 * w0_bar + w1 * w1_bar + w2 * w2_bar) * inverse
    return (
        w0_bar * inverse + w0 * radial,
        w1_bar * inverse + w1 * radial,
        w2_bar * inverse + w2 * radial,
        g0,
        g1,
        g2,
    )


@njit
def hand_adjoint(cams, points, weights, features, camera_of, point_of):
    """One pass: each observation is reversed right after its forward part."""
    cams_bar = np.zeros(cams.shape)
    points_bar = np.zeros(points.shape)
    weights_bar = np.empty(weights.size)
    total = 0.0
    for i in range(weights.size):
        cam = cams[camera_of[i]]
        cam_bar = cams_bar[camera_of[i]]
        point_bar = points_bar[point_of[i]]
        axis, turned, plane = forward(cam, points[point_of[i]])
        _, x, y, _, radial = plane
        weight = weights[i]
        u_error = x * radial * cam[6] + cam[7] - features[i, 0]
        v_error = y * radial * cam[6] + cam[8] - features[i, 1]
        u = weight * u_error
        v = weight * v_error
        zeroed = 1.0 - weight * weight
        total += 0.5 * (u * u + v * v + zeroed * zeroed)
        weights_bar[i] = u * u_error + v * v_error - 2.0 * zeroed * weight
        u_bar = weight * u
        v_bar = weight * v
        a, b, c, focal_bar, k1_bar, k2_bar = pull_plane(cam, plane, u_bar, v_bar)
        r0, r1, r2, g0, g1, g2 = pull_rotation(axis, turned, a, b, c)
        cam_bar[0] += r0
        cam_bar[1] += r1
        cam_bar[2] += r2
        cam_bar[3] -= g0
        cam_bar[4] -= g1
        cam_bar[5] -= g2
        cam_bar[6] += focal_bar
        cam_bar[7] += u_bar
        cam_bar[8] += v_bar
        cam_bar[9] += k1_bar
        cam_bar[10] += k2_bar
        point_bar[0] += g0
        point_bar[1] += g1
        point_bar[2] += g2
    return total, (cams_bar, points_bar, weights_bar)


def batched_residuals(xp: Any, cams: Any, points: Any, weights: Any, features: Any) -> Any:
    """Weighted errors of gathered cameras and points; ``xp`` is JAX's NumPy or PyTorch."""
    rot = cams[:, :3]
    p = points - cams[:, 3:6]
    angle = xp.sqrt((rot * rot).sum(1))[:, None]
    w = rot / angle
    cosine, sine = xp.cos(angle), xp.sin(angle)
    along = (w * p).sum(1)[:, None] * (1.0 - cosine)
    turned = p * cosine + xp.linalg.cross(w, p) * sine + w * along
    plane = turned[:, :2] / turned[:, 2:]
    square = (plane * plane).sum(1)[:, None]
    radial = 1.0 + cams[:, 9:10] * square + cams[:, 10:11] * square * square
    image = plane * radial * cams[:, 6:7] + cams[:, 7:9]
    return weights[:, None] * (image - features)


def array_objective(xp: Any) -> Any:
    """The objective in array operations."""

    def objective(cams, points, weights, features, camera_of, point_of) -> Any:
        errors = batched_residuals(xp, cams[camera_of], points[point_of], weights, features)
        return 0.5 * ((errors * errors).sum() + ((1.0 - weights * weights) ** 2).sum())

    return objective


def jax_factory(args: Args) -> Contestant:
    """Array operations over all observations."""
    import jax.numpy as jnp

    return jax_value_and_grad(array_objective(jnp), args, (0, 1, 2))


def torch_factory(args: Args) -> Contestant:
    """Array operations over all observations, eager."""
    import torch

    return torch_value_and_grad(array_objective(torch), args, (0, 1, 2))


def warp_factory(args: Args) -> Contestant:
    """One Warp thread per observation."""
    from bench import warp_peers

    return warp_peers.bundle(args)


WORKLOAD = Workload(
    name="bundle",
    title="Bundle adjustment, sum of squares, 1e4 observations",
    make_args=make_args,
    primal=primal,
    wrt=(0, 1, 2),
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory, "warp": warp_factory},
    reasons={
        "hand": ("it shares the reciprocals and skips guards for zero cotangents"),
    },
)
