"""The demonstrations converge, and say what they did."""

import numpy as np
import pytest

from numbad import __main__
from numbad.demo import lotka_volterra, report, wave


def test_lotka_volterra_from_the_command_line(tmp_path, capsys):
    __main__.main(["demo", "lotka", "--output", str(tmp_path)])
    text = capsys.readouterr().out
    assert (tmp_path / "lotka_volterra.png").stat().st_size > 10_000
    assert "iteration   1" in text
    assert "negative log likelihood -4.144519" in text
    assert "for _ in range(steps_per_year):" in text
    assert "times as fast" in text


def test_the_calibration_is_a_minimum():
    fit = lotka_volterra.calibrate(steps_per_year=20)
    assert np.abs(fit.gradient).max() < 1e-3
    assert np.exp(fit.theta) == pytest.approx(
        [0.5402, 0.02717, 0.7964, 0.0237, 34.60, 5.844, 0.2192], rel=1e-3
    )
    assert fit.errors[0] == pytest.approx(0.0548, rel=1e-2)


def test_a_small_profile_is_recovered(tmp_path):
    measured = wave.survey(cells=250, steps=2000)
    before = wave.rms(measured.start - measured.truth)
    recovered = wave.recover(measured, iterations=30)
    assert wave.rms(recovered - measured.truth) < 0.7 * before
    wave.plot(measured, recovered, tmp_path / "wave.png")
    assert (tmp_path / "wave.png").exists()


def test_an_excerpt_starts_at_the_backward_loop():
    code = "a\n# f.py:1  for i in range(n):\nfor\n# f.py:1  for i in range(n):\nback\nlast\n"
    assert report.excerpt(code, "for i in range(n):", lines=2).splitlines() == [
        "    ...",
        "# f.py:1  for i in range(n):",
        "back",
        "    ...",
    ]


def test_the_command_line_refuses_an_unknown_demonstration(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["demo", "pendulum"])
    assert "invalid choice" in capsys.readouterr().err


def test_a_table_is_aligned():
    assert report.aligned([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"
