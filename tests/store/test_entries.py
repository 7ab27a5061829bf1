"""What is kept on disk serves a second process, and nothing stale is ever taken from it.

A second process is played in this one: the tables of compilations and of modules are emptied, and
the user's module is read from its file again. One test starts real processes.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import numbad
from numbad import calls, pipeline
from numbad.config import config
from numbad.emit import load
from numbad.store import entries, files

PROGRAM = """
import math
from dataclasses import dataclass
from typing import NamedTuple
import numba

scale = 2.0
flag = True
table = {"power": 2}
weights = [1.0, 3.0]

@numba.njit
def compiled(x):
    return math.sin(x)

def helper(x):
    return math.sin(x)

def f(x):
    return scale * helper(x)

def g(x):
    return compiled(x) * (2.0 if flag else 3.0)

def counted(x):
    return x ** len(weights) * table["power"]

def with_function(f, x):
    return f(x) * x

@dataclass
class Body:
    mass: float
    place: float
    def energy(self):
        return self.mass * self.place ** 2

def of_body(body):
    return body.energy()

class Pair(NamedTuple):
    a: float
    b: float

def pair(x, y):
    return Pair(x * y, x + y)

def make(n):
    def power(x):
        return x ** n
    return power

cube = make(3)

def raises(x):
    if x < 0.0:
        raise ValueError("negative")
    return x

def loop(x, n):
    while x < n:
        x = x * 1.5
    return x
"""


class Store:
    """A user's module, and how often the passes ran."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "user_program.py"
        self.compiled: list[str] = []
        inner = pipeline.compile_function

        def compile_function(request):
            self.compiled.append(request.mode)
            return inner(request)

        monkeypatch.setattr(pipeline, "compile_function", compile_function)
        self.write(PROGRAM)

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def process(self):
        """Forget everything and return the user's module, as a new process would."""
        calls.clear()
        load._modules.clear()
        self.compiled.clear()
        spec = importlib.util.spec_from_file_location("user_program", self.file)
        module = importlib.util.module_from_spec(spec)
        sys.modules["user_program"] = module
        # A compiled file would be trusted by its time stamp, which has a resolution of a second.
        exec(compile(self.file.read_text(), str(self.file), "exec"), module.__dict__)
        return module


@pytest.fixture
def store(tmp_path, monkeypatch):
    config.cache_dir = tmp_path / "cache"
    config.debug = False
    monkeypatch.setattr(files, "_warned", set())
    yield Store(tmp_path, monkeypatch)
    sys.modules.pop("user_program", None)
    calls.clear()


CASES = {
    "live values and callees": lambda u: numbad.gradient(u.f, 0.5),
    "dispatchers and switches": lambda u: numbad.gradient(u.g, 0.5),
    "lists and dicts": lambda u: numbad.gradient(u.counted, 1.5),
    "functions as arguments": lambda u: numbad.gradient(u.with_function, u.helper, 0.5),
    "objects": lambda u: tuple(numbad.gradient(u.of_body, u.Body(2.0, 3.0))[0]),
    "named tuples": lambda u: tuple(numbad.jvp(u.pair, (2.0, 3.0), (1.0, 0.5))[1]),
    "closures": lambda u: numbad.gradient(u.cube, 2.0),
    "pullbacks in two halves": lambda u: numbad.pullback(u.f, 0.5)[1](2.0),
    "pullbacks that run again": lambda u: numbad.pullback(u.loop, 0.5, 4)[1](1.0),
    "jacobians": lambda u: numbad.jacobian(u.with_function, u.helper, 0.5),
    "arrays": lambda u: numbad.gradient(lambda x: (x * x).sum(), np.array([1.0, 2.0])),
}


@pytest.mark.parametrize("call", CASES.values(), ids=CASES)
def test_a_second_process_does_not_run_the_passes(store, call):
    expected = call(store.process())
    assert store.compiled
    found = call(store.process())
    assert not store.compiled
    np.testing.assert_equal(found, expected)


EDITS = {
    "callee": ("return math.sin(x)\n\ndef f", "return math.cos(x)\n\ndef f", CASES["closures"]),
    "global number of another type": ("scale = 2.0", "scale = 2", "f"),
    "dispatcher": ("def compiled(x):\n    return math.sin", "def compiled(x):\n    return 2*", "g"),
    "options of a dispatcher": ("@numba.njit", "@numba.njit(fastmath=True)", "g"),
    "switch": ("flag = True", "flag = False", "g"),
    "length of a list": ("[1.0, 3.0]", "[1.0, 3.0, 5.0]", "counted"),
    "line numbers": ("import math\n", "\nimport math\n", "f"),
}


@pytest.mark.parametrize(("old", "new", "name"), EDITS.values(), ids=EDITS)
def test_a_changed_program_is_compiled_again(store, old, new, name):
    call = name if callable(name) else (lambda u: numbad.gradient(getattr(u, name), 0.5))
    call(store.process())
    assert old in PROGRAM
    store.write(PROGRAM.replace(old, new))
    user = store.process()
    found = call(user)
    assert store.compiled
    function = user.cube if callable(name) else getattr(user, name)
    point = 2.0 if callable(name) else 0.5
    slope = (function(point + 1e-6) - function(point - 1e-6)) / 2e-6
    np.testing.assert_allclose(found[0], slope, rtol=1e-8)


def test_a_changed_value_of_a_global_needs_no_compilation(store):
    first = numbad.gradient(store.process().f, 0.5)[0]
    user = store.process()
    user.scale = 3.0
    assert numbad.gradient(user.f, 0.5)[0] == 1.5 * first
    assert not store.compiled


def test_a_function_that_was_replaced_in_its_module_is_noticed(store):
    numbad.gradient(store.process().f, 0.5)
    user = store.process()
    user.helper = user.math.exp
    assert numbad.gradient(user.f, 0.5)[0] == 2.0 * np.exp(0.5)
    assert store.compiled


def test_states_alternate_without_compiling_again(store):
    for flag in (True, False, True, False):
        user = store.process()
        user.flag = flag
        assert numbad.gradient(user.g, 0.0) == (2.0 if flag else 3.0,)
    assert not store.compiled


def test_a_rule_of_the_user_is_part_of_the_key(store):
    assert numbad.gradient(store.process().f, 0.0) == (2.0,)
    user = store.process()
    numbad.nograd(user.helper)
    assert numbad.gradient(user.f, 0.0) == (None,)
    assert store.compiled


def test_another_version_of_numbad_starts_anew(store, monkeypatch):
    numbad.gradient(store.process().f, 0.5)
    user = store.process()
    monkeypatch.setattr(entries.fingerprint, "surroundings", lambda: ("another",))
    numbad.gradient(user.f, 0.5)
    assert store.compiled


def test_exceptions_and_texts_of_restored_derivatives(store):
    user = store.process()
    numbad.gradient(user.raises, 1.0)
    text = numbad.code_adjoint(user.raises, 1.0)
    user = store.process()
    with pytest.raises(ValueError, match="negative") as caught:
        numbad.gradient(user.raises, -1.0)
    assert not store.compiled
    assert caught.traceback[-1].path == store.file
    assert numbad.code_adjoint(user.raises, 1.0) == text
    stages = calls.compiled(user.raises, (1.0,), {}, "gradient", (0,))
    assert stages.program.entry.name == "raises_gradient"
    assert len(stages.built.program.entry.params) == 1


def test_what_cannot_be_described_compiles_each_time(store):
    user = store.process()
    factor = 1.0

    class Scaled:
        def __call__(self, x):
            return x * factor

    user.helper = Scaled()
    assert numbad.gradient(user.f, 0.5) == (2.0,)
    assert not [name for name in os.listdir(config.cache_dir) if name.startswith("entry_")]


@pytest.mark.parametrize("kind", ["entry_", "code_"])
@pytest.mark.parametrize("how", ["cut", "changed", "emptied"])
def test_damage_gives_one_warning_and_a_working_call(store, kind, how):
    expected = numbad.gradient(store.process().f, 0.5)
    for path in config.cache_dir.glob(f"{kind}*"):
        data = bytearray(path.read_bytes())
        if how == "changed":
            data[len(data) // 2] ^= 0xFF
        path.write_bytes(
            b"" if how == "emptied" else data[: len(data) // 2 if how == "cut" else None]
        )
    with pytest.warns(RuntimeWarning, match="is damaged") as caught:
        assert numbad.gradient(store.process().f, 0.5) == expected
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbad.gradient(store.process().f, 0.5) == expected
    assert not store.compiled


def test_a_directory_that_cannot_be_made_gives_one_warning(store, tmp_path):
    (tmp_path / "file").write_text("")
    config.cache_dir = tmp_path / "file" / "below"
    user = store.process()
    with pytest.warns(RuntimeWarning, match="Nothing can be kept") as caught:
        found = [numbad.gradient(each, 0.0) for each in (user.f, user.g)]
    assert found == [(2.0,), (2.0,)]
    assert len(caught) == 1


def test_a_directory_that_others_may_write_to_is_not_used(store):
    config.cache_dir.mkdir()
    config.cache_dir.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="other users"):
        numbad.gradient(store.process().f, 0.5)
    assert not list(config.cache_dir.glob("entry_*"))


def test_old_and_surplus_files_are_swept(store, monkeypatch):
    config.cache_dir.mkdir(mode=0o700)
    for number, age in enumerate((0, 10, 20, 100)):
        path = config.cache_dir / f"code_{number}"
        path.write_bytes(b"x" * 1000)
        os.utime(path, (path.stat().st_mtime - age * 86400,) * 2)
    (config.cache_dir / "notes.txt").write_text("not ours")
    monkeypatch.setattr(files, "_LARGEST", 2500)
    files.write("code_new", b"x" * 100)
    left = {path.name for path in config.cache_dir.iterdir()}
    assert left == {"code_0", "code_1", "code_new", "notes.txt", "swept"}


def test_threads_compile_a_function_once(store):
    user = store.process()
    derivative = numbad.grad(user.f)
    found = []
    barrier = threading.Barrier(6)

    def work():
        barrier.wait()
        found.append(derivative(0.5))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 6
    assert store.compiled == ["gradient"]


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import user_program, numbad
from numbad import calls
print(numbad.gradient(user_program.f, 0.5))
print("numbad.pipeline" in sys.modules)
"""


def test_processes_share_the_cache(store):
    def start():
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(folder=str(store.file.parent))],
            env=os.environ | {"NUMBAD_CACHE_DIR": str(config.cache_dir), "NUMBAD_DEBUG": "0"},
            stdout=subprocess.PIPE,
            text=True,
        )

    expected = str(numbad.gradient(store.process().f, 0.5))
    together = [start(), start()]
    outputs = [process.communicate(timeout=200)[0].split("\n") for process in together]
    outputs.append(start().communicate(timeout=200)[0].split("\n"))
    assert [lines[0] for lines in outputs] == [expected] * 3
    assert outputs[-1][1] == "False"


RECURSIVE = """
import numbad

def power(x, n):
    return 1.0 if n == 0 else x * power(x, n - 1)

def even(x, n):
    return x if n == 0 else x * odd(x, n - 1)

def odd(x, n):
    return 2.0 if n == 0 else x + even(x, n - 1)

print(
    numbad.gradient(lambda x: power(x, 3), 5.0),
    numbad.gradient(power, 5.0, 3),
    numbad.gradient(even, 5.0, 4),
    numbad.hessian(lambda x: odd(x, 3), 5.0),
)
"""


def test_recursion_in_a_second_process(tmp_path):
    script = tmp_path / "recursive.py"
    script.write_text(RECURSIVE)
    environment = os.environ | {"NUMBAD_CACHE_DIR": str(tmp_path / "cache")}
    once, again = (
        subprocess.run(
            [sys.executable, str(script)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    )
    assert once.returncode == again.returncode == 0
    assert once.stdout == again.stdout
    assert once.stdout.startswith("(75.0,) (75.0, None)")
