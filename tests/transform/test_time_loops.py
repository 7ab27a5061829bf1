"""Random time loops with exchanged buffers: reverse against forward mode, in evaluated programs.

What one iteration overwrites, clears or reads too early is what goes wrong where states stay in
slots, adjoints of stencils are gathered and clearing is postponed.
"""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np
import pytest

import numbad
from tests.interpreter import interpreted


class _Writer:
    """Writes the source of one program ``f(u0, k, steps)``."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.dims = int(rng.choice([1, 2, 2, 3]))
        self.buffers = [
            [f"{name}{field}" for name in "abc"[: int(rng.integers(2, 4))]]
            for field in range(int(rng.integers(1, 3)))
        ]
        self.lines = ["def f(u0, k, steps):", "    total = 0.0"]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def choice(self, options: list[str]) -> str:
        return str(self.rng.choice(options))

    def element(self, array: str, offset: Any = None) -> str:
        offset = [0] * self.dims if offset is None else offset
        places = (f"{n}{o:+d}" if o else n for n, o in zip("ijl", offset, strict=False))
        return f"{array}[{', '.join(places)}]"

    def corner(self, array: str, last: bool = False) -> str:
        place = [f"u0.shape[{axis}] - 1" if last else "0" for axis in range(self.dims)]
        return f"{array}[{', '.join(place)}]"

    def nest(self, indent: int, low: Any, high: Any) -> int:
        for axis, name in enumerate("ijl"[: self.dims]):
            stop = f"u0.shape[{axis}]" + (f" - {high[axis]}" if high[axis] else "")
            self.lines.append(" " * indent + f"for {name} in range({low[axis]}, {stop}):")
            indent += 4
        return indent

    def write(self) -> str:
        for field, names in enumerate(self.buffers):
            for number, name in enumerate(names):
                self.first_state(name, 0.4 + 0.3 * field - 0.2 * number)
        self.lines.append("    for t in range(steps):")
        states = [name for names in self.buffers for name in names[:-1]]
        for names in self.buffers:
            self.step(names[-1], states)
        for names in self.buffers:
            turned = [names[-1], *names[:-1]] if self.chance(0.3) else [*names[1:], names[0]]
            self.lines.append(f"        {', '.join(names)} = {', '.join(turned)}")
        if self.chance(0.15):
            self.lines.append(f"    {self.corner('a0')} = {self.corner('b0')} ** 2")
        few = self.chance(0.5)
        used = [
            name
            for names in self.buffers
            for name in names
            if (name == names[0] if few else self.chance(0.7))
        ]
        parts = [f"np.sum({name} * {name} * u0)" for name in used]
        return "\n".join([*self.lines, f"    return {' + '.join(['total', *parts])}", ""])

    def first_state(self, name: str, factor: float) -> None:
        kind = int(self.rng.integers(4))
        made = ("u0 * {}", "np.zeros(u0.shape)", "np.full(u0.shape, {})", "u0 * u0 + {}")[kind]
        self.lines.append(f"    {name} = {made.format(round(factor, 2))}")
        if self.chance(0.2):
            inner = self.nest(4, [0] * self.dims, [0] * self.dims)
            here = self.element(name)
            self.lines.append(" " * inner + f"{here} = 0.5 * {here} ** 2 + k * u0[0]" + ".sum()")

    def step(self, written: str, states: list[str]) -> None:
        far = int(self.rng.integers(1, 3))
        offsets = self.rng.integers(-far, far + 1, (4, self.dims))
        low, high = -offsets.min(0).clip(max=0), offsets.max(0).clip(min=0)
        if self.chance(0.2):
            self.lines.append(
                f"        {self.corner(written)} = k * {self.corner(states[0], last=True)}"
            )
        if self.chance(0.2):
            inner = self.nest(8, [0] * self.dims, [0] * self.dims)
            terms = f"{self.element(written)} ** 2 * {self.element(states[-1])}"
            self.lines.append(" " * inner + f"total += 0.1 * {terms}")
        inner = self.nest(8, low, high)
        if self.chance(0.08):
            self.lines.append(" " * inner + f"if {self.element(states[0])} > 0.5:")
            inner += 4
        terms = []
        for offset in offsets:
            value = self.element(self.choice(states), offset)
            form = self.choice(["k * {}", "0.3 * {}", "np.sin({})", "k * {} * {}", "-0.2 * {}"])
            terms.append(form.format(value, self.element(self.choice(states))))
        if self.chance(0.4):
            terms.append(f"0.3 * {self.element(written)} ** {int(self.rng.integers(1, 3))}")
        if self.chance(0.08):
            terms.append(f"0.1 * {self.element(written, -low)}")
        self.lines.append(" " * inner + f"{self.element(written)} = {' + '.join(terms)}")
        if self.chance(0.3):
            indent = 8
            if self.chance(0.5):
                self.lines.append("        if t % 2 == 0:")
                indent = 12
            last = self.corner(written, last=True)
            self.lines.append(" " * indent + f"{last} = {self.corner(written)} ** 2 + {last}")
        if self.chance(0.25):
            inner = self.nest(8, low, high)
            terms = f"{self.element(written, offsets[0])} * {self.element(states[0], offsets[1])}"
            self.lines.append(" " * inner + f"total += 0.1 * {terms}")


def check(seed: int) -> None:
    rng = np.random.default_rng(seed)
    writer = _Writer(rng)
    source = writer.write()
    name = f"<time loop {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace: dict[str, Any] = {"np": np}
    exec(compile(source, name, "exec"), namespace)
    f = namespace["f"]
    with interpreted():
        for steps in (0, 1, 2, 4):
            shape = tuple(int(n) for n in rng.integers(1, (0, 12, 8, 6)[writer.dims], writer.dims))
            u0, u_dot = rng.uniform(0.2, 0.9, shape), rng.standard_normal(shape)
            _, pushed = numbad.jvp(f, (u0, 0.2, steps), (u_dot, 0.7, None))
            u_bar, k_bar, _ = numbad.gradient(f, u0, 0.2, steps)
            got = (0.0 if u_bar is None else np.sum(u_bar * u_dot)) + 0.7 * (k_bar or 0.0)
            np.testing.assert_allclose(got, pushed, rtol=1e-10, atol=1e-12, err_msg=source)


@pytest.mark.parametrize("seed", range(15))
def test_random_time_loops(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 500))
def test_more_random_time_loops(seed: int) -> None:
    check(seed)
