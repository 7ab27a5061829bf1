"""The workloads that NVIDIA Warp can express, in double precision on its CPU device.

Warp needs its kernels at module level, and imports of this module compile nothing until a launch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp

from bench.workload import Args, Contestant

wp.config.quiet = True
DEVICE = "cpu"
D = wp.float64


def active(array: np.ndarray) -> wp.array:
    """A Warp copy of an array with a place for its gradient."""
    return wp.array(array, dtype=wp.float64, device=DEVICE, requires_grad=True)


def fixed(array: np.ndarray, dtype: Any = wp.float64) -> wp.array:
    """A Warp copy of an array without a gradient."""
    return wp.array(array, dtype=dtype, device=DEVICE)


def contestant(
    kernel: Any,
    dim: int,
    inputs: list[Any],
    loss: wp.array,
    work: list[wp.array],
    wrt: list[wp.array],
) -> Contestant:
    """Record one launch, then replay it: forward, seed, backward."""
    tape = wp.Tape()
    with tape:
        wp.launch(kernel, dim=dim, inputs=inputs, device=DEVICE)

    def call() -> tuple[Any, Any]:
        loss.zero_()
        for array in (*work, *wrt):
            array.grad.zero_()
        wp.launch(kernel, dim=dim, inputs=inputs, device=DEVICE)
        loss.grad.fill_(1.0)
        tape.backward()
        grads = tuple(array.grad.numpy() for array in wrt)
        return float(loss.numpy()[0]), grads[0] if len(grads) == 1 else grads

    return call


@wp.kernel
def lj_kernel(pos: wp.array2d(dtype=D), energy: wp.array(dtype=D)):  # type: ignore[valid-type]
    i = wp.tid()
    total = D(0.0)
    for j in range(i + 1, pos.shape[0]):
        dx = pos[i, 0] - pos[j, 0]
        dy = pos[i, 1] - pos[j, 1]
        dz = pos[i, 2] - pos[j, 2]
        inv2 = D(1.0) / (dx * dx + dy * dy + dz * dz)
        inv6 = inv2 * inv2 * inv2
        total += D(4.0) * (inv6 * inv6 - inv6)
    wp.atomic_add(energy, 0, total)


def lj_energy(args: Args) -> Contestant:
    """One thread per particle."""
    pos, energy = active(args[0]), active(np.zeros(1))
    return contestant(lj_kernel, len(args[0]), [pos, energy], energy, [], [pos])


BITS = wp.constant(14)
"""A constant range is unrolled; with a run-time range Warp's gradient of the logarithm is wrong."""


@wp.func
def sigmoid(x: D) -> D:
    return D(1.0) / (D(1.0) + wp.exp(-x))


@wp.kernel
def lstm_kernel(
    main: wp.array2d(dtype=D),  # type: ignore[valid-type]
    extra: wp.array2d(dtype=D),  # type: ignore[valid-type]
    sequence: wp.array2d(dtype=D),  # type: ignore[valid-type]
    hiddens: wp.array3d(dtype=D),  # type: ignore[valid-type]
    cells: wp.array3d(dtype=D),  # type: ignore[valid-type]
    inputs: wp.array3d(dtype=D),  # type: ignore[valid-type]
    loss: wp.array(dtype=D),  # type: ignore[valid-type]
):
    n = sequence.shape[1]
    steps = sequence.shape[0] - 1
    layers = cells.shape[1]
    for t in range(steps):
        for i in range(n):
            inputs[t, 0, i] = sequence[t, i] * extra[0, i]
        for layer in range(layers):
            w = 2 * layer
            for i in range(n):
                x = inputs[t, layer, i]
                hidden = hiddens[t, layer, i]
                forget = sigmoid(x * main[w, i] + main[w + 1, i])
                ingate = sigmoid(hidden * main[w, n + i] + main[w + 1, n + i])
                outgate = sigmoid(x * main[w, 2 * n + i] + main[w + 1, 2 * n + i])
                change = wp.tanh(hidden * main[w, 3 * n + i] + main[w + 1, 3 * n + i])
                cell = cells[t, layer, i] * forget + ingate * change
                output = outgate * wp.tanh(cell)
                cells[t + 1, layer, i] = cell
                hiddens[t + 1, layer, i] = output
                inputs[t, layer + 1, i] = output
        total_exp = D(0.0)
        for i in range(BITS):
            total_exp += wp.exp(inputs[t, layers, i] * extra[1, i] + extra[2, i])
        log_norm = wp.log(total_exp + D(2.0))
        gain = D(0.0)
        for i in range(BITS):
            output = inputs[t, layers, i] * extra[1, i] + extra[2, i]
            gain += sequence[t + 1, i] * (output - log_norm)
        loss[0] -= gain / (D(steps) * D(n))


def lstm(args: Args) -> Contestant:
    """One thread, every intermediate of the recurrence in an array, because loops are replayed."""
    main, extra, initial, sequence = args
    steps, n = len(sequence) - 1, sequence.shape[1]
    layers = len(initial) // 2
    start = np.zeros((steps + 1, layers, n))
    start[0] = initial[0::2]
    hiddens = active(start)
    start[0] = initial[1::2]
    cells = active(start)
    inputs = active(np.zeros((steps, layers + 1, n)))
    loss = active(np.zeros(1))
    wrt = [active(main), active(extra)]
    work = [hiddens, cells, inputs]
    return contestant(lstm_kernel, 1, [*wrt, fixed(sequence), *work, loss], loss, work, wrt)


@wp.kernel
def bundle_kernel(
    cams: wp.array2d(dtype=D),  # type: ignore[valid-type]
    points: wp.array2d(dtype=D),  # type: ignore[valid-type]
    weights: wp.array(dtype=D),  # type: ignore[valid-type]
    features: wp.array2d(dtype=D),  # type: ignore[valid-type]
    camera_of: wp.array(dtype=wp.int64),  # type: ignore[valid-type]
    point_of: wp.array(dtype=wp.int64),  # type: ignore[valid-type]
    loss: wp.array(dtype=D),  # type: ignore[valid-type]
):
    i = wp.tid()
    c = int(camera_of[i])
    q = int(point_of[i])
    rot = wp.vec3d(cams[c, 0], cams[c, 1], cams[c, 2])
    p = wp.vec3d(points[q, 0] - cams[c, 3], points[q, 1] - cams[c, 4], points[q, 2] - cams[c, 5])
    angle = wp.sqrt(wp.dot(rot, rot))
    w = rot / angle
    cosine = wp.cos(angle)
    turned = p * cosine + wp.cross(w, p) * wp.sin(angle) + w * (wp.dot(w, p) * (D(1.0) - cosine))
    x = turned[0] / turned[2]
    y = turned[1] / turned[2]
    square = x * x + y * y
    radial = D(1.0) + cams[c, 9] * square + cams[c, 10] * square * square
    u = weights[i] * (x * radial * cams[c, 6] + cams[c, 7] - features[i, 0])
    v = weights[i] * (y * radial * cams[c, 6] + cams[c, 8] - features[i, 1])
    zeroed = D(1.0) - weights[i] * weights[i]
    wp.atomic_add(loss, 0, D(0.5) * (u * u + v * v + zeroed * zeroed))


def bundle(args: Args) -> Contestant:
    """One thread per observation."""
    cams, points, weights, features, camera_of, point_of = args
    wrt = [active(cams), active(points), active(weights)]
    loss = active(np.zeros(1))
    data = [fixed(features), fixed(camera_of, wp.int64), fixed(point_of, wp.int64)]
    return contestant(bundle_kernel, len(weights), [*wrt, *data, loss], loss, [], wrt)
