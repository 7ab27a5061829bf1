"""The tree that is found is the one the function was compiled from."""

from __future__ import annotations

import ast
import doctest
import functools
import gc
import importlib
import importlib.util
import linecache
import os
import runpy
import subprocess
import sys
import textwrap
import zipfile

import pytest

from numbad.errors import SourceUnavailable
from numbad.frontend import source
from numbad.frontend.source import lambda_to_def, load

SCALE = 2.0


def body(function) -> str:
    """Text of the last statement of a function as found."""
    return ast.unparse(load(function).node.body[-1])


def plain(x, y=1):
    """A docstring."""
    return x + y


def test_plain_function():
    found = load(plain)
    assert found.node.name == found.name == found.qualname == "plain"
    assert found.file == plain.__code__.co_filename
    assert found.first_line == plain.__code__.co_firstlineno
    assert found.lines[found.first_line - 1] == "def plain(x, y=1):\n"
    assert found.globals is globals()
    assert found.closure == {}
    assert not found.is_generator
    assert body(plain) == "return x + y"


def test_parsed_is_shared_between_closures():
    def make(k):
        def inner(x):
            return x * k

        return inner

    one, two = load(make(1)), load(make(2))
    assert one.parsed is two.parsed
    assert one.closure["k"].cell_contents == 1
    assert two.closure["k"].cell_contents == 2


# --- lambdas ------------------------------------------------------------------------------------

# fmt: off
PAIR = [lambda x: x + 1, lambda x: x + 2]
EQUAL = [lambda x: x, lambda x: x, lambda y: y]
NESTED = lambda x: lambda y: x * y  # noqa: E731
DEFAULTS = lambda x, f=(lambda z: z): f(x)  # noqa: E731
CHOICE = lambda x, y: x if y else -x  # noqa: E731
LONG = (lambda x:
    x
    + 1, lambda x: (
    x * 2))
ÄÖ = lambda é: é + 1, lambda é: é - 1  # noqa: PLC2401
CONSTANTS = (lambda: 1), (lambda: 2), (lambda: None), (lambda: None)
# fmt: on


def test_lambdas_on_one_line():
    assert [body(f) for f in PAIR] == ["return x + 1", "return x + 2"]
    assert [body(f) for f in ÄÖ] == ["return é + 1", "return é - 1"]
    assert [body(f) for f in CONSTANTS] == [f"return {c}" for c in (1, 2, None, None)]


def test_equal_lambdas_have_their_own_columns():
    columns = [load(f).node.body[0].col_offset for f in EQUAL]
    assert columns == sorted(set(columns))


def test_lambdas_in_lambdas():
    assert body(NESTED) == "return lambda y: x * y"
    assert body(NESTED(2)) == "return x * y"
    assert load(NESTED(2)).closure["x"].cell_contents == 2
    assert body(DEFAULTS) == "return f(x)"
    assert body(DEFAULTS.__defaults__[0]) == "return z"
    assert body(CHOICE) == "return x if y else -x"


def test_lambdas_over_several_lines():
    assert [body(f) for f in LONG] == ["return x + 1", "return x * 2"]


def test_lambdas_in_a_call():
    def both(f, g):
        return body(f), body(g)

    assert both(lambda a: a * SCALE, g=lambda a: [b * a for b in (1, 2)]) == (
        "return a * SCALE",
        "return [b * a for b in (1, 2)]",
    )


def test_lambda_to_def_of_a_node():
    node = ast.parse("lambda x, *, k=1: x + k", mode="eval").body
    definition = lambda_to_def(node)
    assert ast.unparse(definition.body[0]) == "return x + k"
    assert definition.lineno == 1


# --- defs ---------------------------------------------------------------------------------------


def doubled(function):
    @functools.wraps(function)
    def wrapper(x):
        return 2 * function(x)

    return wrapper


@functools.partial(lambda f: f)
@functools.lru_cache(
    maxsize=9,
)
def decorated(x):
    return x - 1


@doubled
def wrapped(x):
    return x - 2


def test_decorators():
    assert body(decorated.__wrapped__) == "return x - 1"
    assert load(decorated.__wrapped__).node.decorator_list == []
    assert body(wrapped) == "return 2 * function(x)"
    assert body(wrapped.__wrapped__) == "return x - 2"


def test_two_defs_of_one_name():
    def f(x):
        return x

    first = f

    def f(x):
        return -x

    assert [body(first), body(f)] == ["return x", "return -x"]


class Plate:
    def __init__(self, __width):
        self.__width = __width
        self.__dict__["x"] = 1

    def area(self):
        return self.__width * self._Plate__width

    def __private(self):
        return self

    @staticmethod
    def unit():
        return SCALE

    @property
    def width(self):
        def inner():
            return self.__width

        return inner

    key = lambda self: self.__width  # noqa: E731

    def keywords(self, **named):
        global __count  # noqa: PLW0602

        def __inner():
            return self.keywords(__name=1)

        return __inner


def test_methods_and_private_names():
    plate = Plate(3)
    assert body(Plate.area) == "return self._Plate__width * self._Plate__width"
    assert body(plate._Plate__private.__func__) == "return self"
    assert body(Plate.unit) == "return SCALE"
    assert body(plate.width) == "return self._Plate__width"
    assert body(Plate.key) == "return self._Plate__width"
    assert ast.unparse(load(Plate.__init__).node.body[0]) == "self._Plate__width = _Plate__width"
    assert "global _Plate__count" in ast.unparse(load(Plate.keywords).node)
    assert body(plate.keywords()) == "return self.keywords(_Plate__name=1)"
    assert load(Plate.area).qualname == "Plate.area"


def test_a_function_with_assert_under_pytest():
    def f(x):
        assert x > 0, "positive"
        return [y for y in (x,) if y]

    def other(x):
        f(x)
        return x

    assert body(f) == "return [y for y in (x,) if y]"
    assert body(other) == "return x"


def test_generators():
    def f(n):
        yield n

    assert load(f).is_generator


# --- origins ------------------------------------------------------------------------------------


def test_origin():
    def f(x):
        y = "é" + str(x)
        return (y,
                x)  # fmt: skip

    found = load(f)
    assignment, last = found.node.body
    line = found.first_line + 1
    origin = found.origin(assignment.value.right)
    assert (origin.file, origin.line) == (found.file, line)
    assert origin.text == 'y = "é" + str(x)'
    assert found.lines[line - 1][origin.column : origin.end_column] == "str(x)"
    assert found.origin(last).end_column is None
    assert found.origin(ast.Pass()).line == found.first_line


# --- where source comes from --------------------------------------------------------------------


def test_no_source():
    for function in (eval("lambda x: x"), eval("lambda x: x", {"__name__": "nowhere"})):
        with pytest.raises(SourceUnavailable, match="no source for `<lambda>`"):
            load(function)


def cell(text: str, name: str, flags: int = 0) -> dict:
    """Run a text as notebooks do: registered in ``linecache`` only."""
    text = textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace = {"__name__": "__main__"}
    exec(compile(text, name, "exec", flags), namespace)
    return namespace


def test_notebook_cell():
    first = cell("def f(x):\n    return x\ng = lambda x: x * 2\n", "<ipython-input-1-abc>")
    second = cell("def f(x):\n    return -x\n", "<ipython-input-2-abc>")
    assert [body(f) for f in (first["f"], first["g"], second["f"])] == [
        "return x",
        "return x * 2",
        "return -x",
    ]


def test_notebook_cell_with_top_level_await():
    text = (
        "async def g(): pass\nasync def h():\n    await g()\ndef f(x):\n    return x\nawait g()\n"
    )
    linecache.cache["<cell>"] = (len(text), None, text.splitlines(keepends=True), "<cell>")
    code = compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    inner = next(c for c in code.co_consts if getattr(c, "co_name", "") == "f")
    assert body(type(plain)(inner, {})) == "return x"


def test_doctest():
    text = """
    >>> f = lambda x: x + 3
    >>> def g(x):
    ...     return x + 4
    >>> body(f), body(g)
    ('return x + 3', 'return x + 4')
    """
    test = doctest.DocTestParser().get_doctest(text, {"body": body}, "text", None, None)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def write_module(path, text):
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_edited_file_is_refused(tmp_path):
    path = tmp_path / "edited.py"
    module = write_module(path, "def f(x):\n    return x + 1\n")
    path.write_text("def f(x):\n    return x + 2\n")
    os.utime(path, (1, 1))
    with pytest.raises(SourceUnavailable, match="is not what the function was compiled from"):
        load(module.f)


@pytest.mark.parametrize(
    "text", ["def f(x):\n  return (", "", "f = 1", "def g(x):\n    return x + 1\n", "# f\n\n\n"]
)
def test_replaced_file_is_refused(tmp_path, text):
    path = tmp_path / "replaced.py"
    module = write_module(path, "def f(x):\n    return x + 1\n")
    path.write_text(text)
    os.utime(path, (1, 1))
    with pytest.raises(SourceUnavailable):
        load(module.f)


def test_edits_elsewhere_do_not_matter(tmp_path):
    path = tmp_path / "moved.py"
    text = 'def f(x):\n    return x + 1\n\ndef g(x):\n    """Doc."""\n    return x\n'
    module = write_module(path, text)
    path.write_text("import os\n\n" + text.replace("Doc", "Other"))
    os.utime(path, (1, 1))
    assert body(module.f) == "return x + 1"
    assert load(module.f).first_line == 3
    assert body(module.g) == "return x"


def test_a_loaded_source_is_kept_when_the_file_changes(tmp_path):
    path = tmp_path / "kept.py"
    module = write_module(path, "def f(x):\n    return x + 1\n")
    before = load(module.f).parsed
    path.write_text("")
    assert load(module.f).parsed is before


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.0", "-0.0"), ("1", "1.0"), ("1", "True"), ("{1, 2}", "{1, 3}"), ("a", "b"), ("x", "x.y")],
)
def test_small_edits_are_noticed(tmp_path, old, new):
    path = tmp_path / "small.py"
    module = write_module(path, f"def f(x):\n    return x in {old}\n")
    path.write_text(f"def f(x):\n    return x in {new}\n")
    os.utime(path, (1, 1))
    with pytest.raises(SourceUnavailable):
        load(module.f)


def test_runpy(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("def f(x):\n    return x * 3\n")
    assert body(runpy.run_path(str(path))["f"]) == "return x * 3"


def test_zip_file(tmp_path, monkeypatch):
    path = tmp_path / "library.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zipped.py", "def f(x):\n    return x * 4\n")
    monkeypatch.syspath_prepend(path)
    module = importlib.import_module("zipped")
    monkeypatch.delitem(sys.modules, "zipped")
    assert body(module.f) == "return x * 4"


def test_without_columns(tmp_path):
    path = tmp_path / "columns.py"
    path.write_text(
        "import ast\n"
        "from numbad.frontend.source import load\n"
        "one = lambda x: x + 1\n"
        "two = lambda x: x, lambda y: y\n"
        "three = lambda x: x + 1, lambda x: x + 2\n"
        "def f(x): return x\n"
        "for g in (one, two[0], two[1], f): print(ast.unparse(load(g).node.body[0]))\n"
        "try:\n    load(three[0])\nexcept TypeError as error: print(error.what)\n"
    )
    result = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", str(path)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == [
        "return x + 1",
        "return x",
        "return y",
        "return x",
        "There are several functions `<lambda>` on one line.",
    ]


def test_code_objects_are_not_kept_alive():
    text = "def f(x):\n    return x\n"
    for k in range(3):
        load(cell(text, f"<input {k}>")["f"])
    gc.collect()
    alive = [parsed.file for ref, parsed in source._parsed.values() if ref() is None]
    assert alive == []
    assert not any(parsed.file == "<input 1>" for _, parsed in source._parsed.values())
