"""ADBench's character LSTM: two layers of 14 units, 1024 characters, diagonal gates."""

import math
from typing import Any

import numpy as np
from numba import njit

from bench.workload import Args, Contestant, Workload, jax_value_and_grad, torch_value_and_grad


def make_args(small: bool = False) -> Args:
    """Layer parameters, input/output parameters, initial state, sequence."""
    layers, bits, count = (2, 3, 6) if small else (2, 14, 1024)
    rng = np.random.default_rng(9)
    main = 0.5 * rng.standard_normal((2 * layers, 4 * bits))
    extra = 0.5 * rng.standard_normal((3, bits))
    state = 0.5 * rng.standard_normal((2 * layers, bits))
    sequence = rng.integers(0, 2, (count, bits)).astype(np.float64)
    return (main, extra, state, sequence)


@njit
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@njit
def lstm_cell(weight, bias, hidden, cell, inputs):
    n = hidden.size
    for i in range(n):
        forget = sigmoid(inputs[i] * weight[i] + bias[i])
        ingate = sigmoid(hidden[i] * weight[n + i] + bias[n + i])
        outgate = sigmoid(inputs[i] * weight[2 * n + i] + bias[2 * n + i])
        change = math.tanh(hidden[i] * weight[3 * n + i] + bias[3 * n + i])
        cell[i] = cell[i] * forget + ingate * change
        hidden[i] = outgate * math.tanh(cell[i])


@njit
def predict(main, extra, state, inputs, prediction):
    layers = state.shape[0] // 2
    n = inputs.size
    for i in range(n):
        prediction[i] = inputs[i] * extra[0, i]
    for layer in range(layers):
        hidden = state[2 * layer]
        lstm_cell(main[2 * layer], main[2 * layer + 1], hidden, state[2 * layer + 1], prediction)
        prediction[:] = hidden
    for i in range(n):
        prediction[i] = prediction[i] * extra[1, i] + extra[2, i]


@njit
def primal(main, extra, initial, sequence):
    count, n = sequence.shape
    state = initial.copy()
    prediction = np.empty(n)
    total = 0.0
    for t in range(count - 1):
        predict(main, extra, state, sequence[t], prediction)
        total_exp = 0.0
        for i in range(n):
            total_exp += math.exp(prediction[i])
        log_norm = math.log(total_exp + 2.0)
        for i in range(n):
            total += sequence[t + 1, i] * (prediction[i] - log_norm)
    return -total / (n * (count - 1))


@njit
def hand_adjoint(main, extra, initial, sequence):
    """Record gates, cell and its tanh; the backward sweep has no transcendental and no division.

    The softmax of the loss is recorded as the cotangent of the prediction, known going forward.
    """
    count, n = sequence.shape
    layers = initial.shape[0] // 2
    steps = count - 1
    scale = -1.0 / (n * steps)
    hiddens = np.empty((steps + 1, layers, n))
    cells = np.empty((steps + 1, layers, n))
    gates = np.empty((steps, layers, 5, n))
    outputs_bar = np.empty((steps, n))
    for layer in range(layers):
        hiddens[0, layer] = initial[2 * layer]
        cells[0, layer] = initial[2 * layer + 1]
    inputs = np.empty(n)
    total = 0.0
    for t in range(steps):
        for i in range(n):
            inputs[i] = sequence[t, i] * extra[0, i]
        for layer in range(layers):
            weight = main[2 * layer]
            bias = main[2 * layer + 1]
            for i in range(n):
                hidden = hiddens[t, layer, i]
                forget = sigmoid(inputs[i] * weight[i] + bias[i])
                ingate = sigmoid(hidden * weight[n + i] + bias[n + i])
                outgate = sigmoid(inputs[i] * weight[2 * n + i] + bias[2 * n + i])
                change = math.tanh(hidden * weight[3 * n + i] + bias[3 * n + i])
                cell = cells[t, layer, i] * forget + ingate * change
                squashed = math.tanh(cell)
                cells[t + 1, layer, i] = cell
                hiddens[t + 1, layer, i] = outgate * squashed
                inputs[i] = outgate * squashed
                gates[t, layer, 0, i] = forget
                gates[t, layer, 1, i] = ingate
                gates[t, layer, 2, i] = outgate
                gates[t, layer, 3, i] = change
                gates[t, layer, 4, i] = squashed
        total_exp = 0.0
        gold = 0.0
        for i in range(n):
            output = inputs[i] * extra[1, i] + extra[2, i]
            inputs[i] = output
            outputs_bar[t, i] = math.exp(output)
            total_exp += outputs_bar[t, i]
            gold += sequence[t + 1, i]
        log_norm = math.log(total_exp + 2.0)
        share = gold / (total_exp + 2.0)
        for i in range(n):
            total += sequence[t + 1, i] * (inputs[i] - log_norm)
            outputs_bar[t, i] = scale * (sequence[t + 1, i] - share * outputs_bar[t, i])
    main_bar = np.zeros(main.shape)
    extra_bar = np.zeros(extra.shape)
    state_bar = np.zeros(initial.shape)
    layer_bar = np.empty(n)
    for t in range(steps - 1, -1, -1):
        for i in range(n):
            output_bar = outputs_bar[t, i]
            extra_bar[1, i] += output_bar * hiddens[t + 1, layers - 1, i]
            extra_bar[2, i] += output_bar
            layer_bar[i] = output_bar * extra[1, i]
        for layer in range(layers - 1, -1, -1):
            weight = main[2 * layer]
            weight_bar = main_bar[2 * layer]
            bias_bar = main_bar[2 * layer + 1]
            hidden_bar = state_bar[2 * layer]
            cell_bar = state_bar[2 * layer + 1]
            for i in range(n):
                forget = gates[t, layer, 0, i]
                ingate = gates[t, layer, 1, i]
                outgate = gates[t, layer, 2, i]
                change = gates[t, layer, 3, i]
                squashed = gates[t, layer, 4, i]
                if layer > 0:
                    layer_input = hiddens[t + 1, layer - 1, i]
                else:
                    layer_input = sequence[t, i] * extra[0, i]
                hidden = hiddens[t, layer, i]
                h_bar = hidden_bar[i] + layer_bar[i]
                c_bar = cell_bar[i] + h_bar * outgate * (1.0 - squashed * squashed)
                out_pre = h_bar * squashed * outgate * (1.0 - outgate)
                forget_pre = c_bar * cells[t, layer, i] * forget * (1.0 - forget)
                in_pre = c_bar * change * ingate * (1.0 - ingate)
                change_pre = c_bar * ingate * (1.0 - change * change)
                weight_bar[i] += forget_pre * layer_input
                weight_bar[n + i] += in_pre * hidden
                weight_bar[2 * n + i] += out_pre * layer_input
                weight_bar[3 * n + i] += change_pre * hidden
                bias_bar[i] += forget_pre
                bias_bar[n + i] += in_pre
                bias_bar[2 * n + i] += out_pre
                bias_bar[3 * n + i] += change_pre
                cell_bar[i] = c_bar * forget
                hidden_bar[i] = in_pre * weight[n + i] + change_pre * weight[3 * n + i]
                layer_bar[i] = forget_pre * weight[i] + out_pre * weight[2 * n + i]
        for i in range(n):
            extra_bar[0, i] += layer_bar[i] * sequence[t, i]
    return scale * total, (main_bar, extra_bar)


def jax_factory(args: Args) -> Contestant:
    """A scan over the characters."""
    import jax
    import jax.numpy as jnp

    layers = args[2].shape[0] // 2

    def objective(main: Any, extra: Any, initial: Any, sequence: Any) -> Any:
        def step(state: Any, pair: Any) -> Any:
            inputs, gold = pair
            x = inputs * extra[0]
            rows = []
            for layer in range(layers):
                hidden, cell = state[2 * layer], state[2 * layer + 1]
                w1, w2, w3, w4 = jnp.split(main[2 * layer], 4)
                b1, b2, b3, b4 = jnp.split(main[2 * layer + 1], 4)
                forget = jax.nn.sigmoid(x * w1 + b1)
                ingate = jax.nn.sigmoid(hidden * w2 + b2)
                outgate = jax.nn.sigmoid(x * w3 + b3)
                change = jnp.tanh(hidden * w4 + b4)
                cell = cell * forget + ingate * change
                x = outgate * jnp.tanh(cell)
                rows += [x, cell]
            prediction = x * extra[1] + extra[2]
            log_norm = jnp.log(jnp.sum(jnp.exp(prediction)) + 2.0)
            return jnp.stack(rows), jnp.sum(gold * (prediction - log_norm))

        _, terms = jax.lax.scan(step, initial, (sequence[:-1], sequence[1:]))
        return -jnp.sum(terms) / sequence[1:].size

    return jax_value_and_grad(objective, args, (0, 1))


def torch_factory(args: Args) -> Contestant:
    """A Python loop over the characters, eager."""
    import torch

    layers = args[2].shape[0] // 2

    def objective(main: Any, extra: Any, initial: Any, sequence: Any) -> Any:
        state = list(initial)
        weights = [row.chunk(4) for row in main]
        total = 0.0
        for t in range(len(sequence) - 1):
            x = sequence[t] * extra[0]
            for layer in range(layers):
                w1, w2, w3, w4 = weights[2 * layer]
                b1, b2, b3, b4 = weights[2 * layer + 1]
                hidden, cell = state[2 * layer], state[2 * layer + 1]
                forget = torch.sigmoid(x * w1 + b1)
                ingate = torch.sigmoid(hidden * w2 + b2)
                outgate = torch.sigmoid(x * w3 + b3)
                change = torch.tanh(hidden * w4 + b4)
                cell = cell * forget + ingate * change
                x = outgate * torch.tanh(cell)
                state[2 * layer], state[2 * layer + 1] = x, cell
            prediction = x * extra[1] + extra[2]
            log_norm = torch.log(torch.exp(prediction).sum() + 2.0)
            total = total + (sequence[t + 1] * (prediction - log_norm)).sum()
        return -total / sequence[1:].numel()

    return torch_value_and_grad(objective, args, (0, 1))


def warp_factory(args: Args) -> Contestant:
    """One Warp thread over the whole sequence."""
    from bench import warp_peers

    return warp_peers.lstm(args)


WORKLOAD = Workload(
    name="lstm",
    title="LSTM (ADBench, l=2, c=1024)",
    make_args=make_args,
    primal=primal,
    wrt=(0, 1),
    hand={"hand": hand_adjoint},
    peers={"jax": jax_factory, "torch": torch_factory, "warp": warp_factory},
    reasons={
        "hand": ("it stores the softmax as the ready cotangent and writes states into tape slots"),
    },
)
