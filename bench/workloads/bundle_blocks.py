"""Bundle adjustment: the 2x15 block of the Jacobian for each of 1e4 observations.

This is what a sparse least-squares solver asks for. The columns are the camera's 11 numbers, the
point's 3 and the weight.
"""

from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload
from bench.workloads.bundle import batched_residuals, make_args, project, rotate
from bench.workloads.bundle import forward as forward_part


@njit
def primal(cams, points, weights, features, camera_of, point_of):
    errors = np.empty((weights.size, 2))
    for i in range(weights.size):
        u, v = project(cams[camera_of[i]], points[point_of[i]])
        errors[i, 0] = weights[i] * (u - features[i, 0])
        errors[i, 1] = weights[i] * (v - features[i, 1])
    return errors


@njit
def residual(r0, r1, r2, t0, t1, t2, f, u0, v0, k1, k2, p0, p1, p2, weight, u, v):
    """The two weighted errors of one observation, in scalars."""
    x, y, z = rotate(r0, r1, r2, p0 - t0, p1 - t1, p2 - t2)
    x /= z
    y /= z
    square = x * x + y * y
    radial = 1.0 + k1 * square + k2 * square * square
    return weight * (x * radial * f + u0 - u), weight * (y * radial * f + v0 - v)


def numbad_factory(args: Args) -> Contestant:
    """``withjacobian`` called in a jitted loop: both rows in one backward sweep of two lanes."""
    from numbad import withjacobian

    @njit
    def blocks(cams, points, weights, features, camera_of, point_of):
        count = weights.size
        errors = np.empty((count, 2))
        out = np.empty((count, 2, 15))
        for i in range(count):
            a = cams[camera_of[i]]
            p = points[point_of[i]]
            value, partials = withjacobian(
                residual,
                a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10],
                p[0], p[1], p[2], weights[i], features[i, 0], features[i, 1],
            )  # fmt: skip
            errors[i, 0], errors[i, 1] = value
            for column in range(15):
                out[i, 0, column], out[i, 1, column] = partials[column]
        return errors, out

    return lambda: blocks(*args)


@njit(error_model="numpy")
def hand_adjoint(cams, points, weights, features, camera_of, point_of):
    """Shared forward part; the plane's 2x3 derivative times the rotation, and one pull per row."""
    count = weights.size
    errors = np.empty((count, 2))
    out = np.empty((count, 2, 15))
    for i in range(count):
        cam = cams[camera_of[i]]
        weight = weights[i]
        axis, turned, plane = forward_part(cam, points[point_of[i]])
        w0, w1, w2, inverse, cosine, sine, dot = axis
        p0, p1, p2, c0, c1, c2 = turned
        scale, x, y, square, radial = plane
        rest = 1.0 - cosine
        focal = weight * cam[6]
        slope = 2.0 * (cam[9] + 2.0 * cam[10] * square)
        for c in range(2):
            here = x if c == 0 else y
            start = focal * here
            a = start * slope * x * scale
            b = start * slope * y * scale
            if c == 0:
                a += focal * radial * scale
            else:
                b += focal * radial * scale
            d = -(a * x + b * y)
            w_dot = w0 * a + w1 * b + w2 * d
            along = rest * w_dot
            m0 = p1 * d - p2 * b
            m1 = p2 * a - p0 * d
            m2 = p0 * b - p1 * a
            block = out[i, c]
            if inverse == 0.0:
                block[0] = m0
                block[1] = m1
                block[2] = m2
            else:
                angle_bar = cosine * (a * c0 + b * c1 + d * c2) + sine * (
                    w_dot * dot - (a * p0 + b * p1 + d * p2)
                )
                w0_bar = m0 * sine + rest * (a * dot + p0 * w_dot)
                w1_bar = m1 * sine + rest * (b * dot + p1 * w_dot)
                w2_bar = m2 * sine + rest * (d * dot + p2 * w_dot)
                outward = angle_bar - (w0 * w0_bar + w1 * w1_bar + w2 * w2_bar) * inverse
                block[0] = w0_bar * inverse + w0 * outward
                block[1] = w1_bar * inverse + w1 * outward
                block[2] = w2_bar * inverse + w2 * outward
            g0 = a * cosine + (b * w2 - d * w1) * sine + w0 * along
            g1 = b * cosine + (d * w0 - a * w2) * sine + w1 * along
            g2 = d * cosine + (a * w1 - b * w0) * sine + w2 * along
            error = here * radial * cam[6] + cam[7 + c] - features[i, c]
            block[3] = -g0
            block[4] = -g1
            block[5] = -g2
            block[6] = weight * here * radial
            block[7] = weight if c == 0 else 0.0
            block[8] = 0.0 if c == 0 else weight
            block[9] = start * square
            block[10] = start * square * square
            block[11] = g0
            block[12] = g1
            block[13] = g2
            block[14] = error
            errors[i, c] = weight * error
    return errors, out


def jax_factory(args: Args) -> Contestant:
    """``vmap`` of the reverse-mode Jacobian of one observation."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def residuals(row: Any, feature: Any) -> Any:
        errors = batched_residuals(jnp, row[None, :11], row[None, 11:14], row[14:], feature[None])
        return errors[0], errors[0]

    def blocks(cams, points, weights, features, camera_of, point_of) -> Any:
        rows = jnp.concatenate([cams[camera_of], points[point_of], weights[:, None]], axis=1)
        jacobian, errors = jax.vmap(jax.jacrev(residuals, has_aux=True))(rows, features)
        return errors, jacobian

    compiled = jax.jit(blocks)
    converted = tuple(jnp.asarray(arg) for arg in args)
    return lambda: jax.block_until_ready(compiled(*converted))


WORKLOAD = Workload(
    name="bundle_blocks",
    title="Bundle adjustment Jacobian blocks, 1e4 observations",
    make_args=make_args,
    primal=primal,
    wrt=(),
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory},
    numbad=numbad_factory,
    reasons={"hand": "it skips guards for zero cotangents"},
)
