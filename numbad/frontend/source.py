"""Find the syntax tree a function was compiled from.

``load`` takes a Python function and returns a ``SourceFunction``: the ``ast.FunctionDef`` with the
line numbers and column offsets of the real file, and what the function closes over. It guarantees
that the tree is the one the function's bytecode was compiled from: the statement that contains it
is compiled again and compared with the bytecode. So an edited file, a function made by ``exec`` or
the wrong one of two lambdas on a line is an error, never another function's derivative.

Files are read through ``linecache``, which also knows notebook cells, doctests and zip files.
Lambdas on one line are told apart by the column of their bodies (``co_positions``). Only the code
object counts: ``__wrapped__`` is not followed. Names with two leading underscores are mangled as
the compiler does in classes.

Unchecked: functions that pytest's assertion rewriting has changed are compared by their names and
parameters only.
"""

from __future__ import annotations

import ast
import copy
import linecache
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType
from typing import Any

from numbad.errors import SourceUnavailable
from numbad.frontend import mangling
from numbad.frontend.bytecode import Hull, code_objects, hull, is_same_code, parameters_of_code
from numbad.ir.nodes import Origin

LAMBDA = "<lambda>"

_CO_GENERATOR = 0x20
_FUTURE_FLAGS = 0x1FF0000

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Found = tuple[AnyFunction, str | None]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Parsed:
    """The part of a source that belongs to a code object, shared by all functions made from it."""

    node: ast.FunctionDef
    file: str
    lines: tuple[str, ...]

    def origin(self, node: ast.AST) -> Origin:
        """Where a node of the tree stands in the file."""
        line: int = getattr(node, "lineno", self.node.lineno)
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        column = _characters(text, getattr(node, "col_offset", 0))
        end = None
        if getattr(node, "end_lineno", None) == line:
            end = _characters(text, getattr(node, "end_col_offset", 0))
        return Origin(self.file, line, column, text.strip(), end)


@dataclass(frozen=True, slots=True, eq=False)
class SourceFunction:
    """A Python function together with its syntax tree.

    Attributes
    ----------
    function : FunctionType
        The function itself.
    parsed : Parsed
        What depends on its code object only.
    """

    function: FunctionType
    parsed: Parsed

    @property
    def node(self) -> ast.FunctionDef:
        """The function's definition, without decorators; a lambda is ``return <body>``."""
        return self.parsed.node

    @property
    def file(self) -> str:
        """Name of the file, as in tracebacks."""
        return self.parsed.file

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines of the file."""
        return self.parsed.lines

    @property
    def first_line(self) -> int:
        """Line of the ``def`` or of the lambda, counted from 1."""
        return self.parsed.node.lineno

    @property
    def name(self) -> str:
        """Name of the function, ``<lambda>`` for lambdas."""
        return self.parsed.node.name

    @property
    def qualname(self) -> str:
        """Dotted path of the definition, as error messages of Python show it."""
        return self.function.__qualname__

    @property
    def globals(self) -> dict[str, Any]:
        """The live global namespace of the function."""
        return self.function.__globals__

    @property
    def closure(self) -> dict[str, CellType]:
        """The cells of the function's free variables."""
        cells = self.function.__closure__ or ()
        return dict(zip(self.function.__code__.co_freevars, cells, strict=True))

    @property
    def is_generator(self) -> bool:
        """Whether calling the function makes a generator."""
        return bool(self.function.__code__.co_flags & _CO_GENERATOR)

    def origin(self, node: ast.AST) -> Origin:
        """Where a node of the tree stands in the file."""
        return self.parsed.origin(node)


def _characters(text: str, byte_offset: int) -> int:
    """Column in characters, of a column in UTF-8 bytes as the parser counts them."""
    if text.isascii():
        return byte_offset
    return len(text.encode()[:byte_offset].decode(errors="ignore"))


_recorders: list[dict[int, CodeType]] = []


@contextmanager
def recorded() -> Iterator[dict[int, CodeType]]:
    """Note the code objects whose source is asked for in a block, by identity."""
    found: dict[int, CodeType] = {}
    _recorders.append(found)
    try:
        yield found
    finally:
        # By identity: records of nested blocks may be equal.
        _recorders[:] = [each for each in _recorders if each is not found]


_parsed: dict[int, tuple[weakref.ref[CodeType], Parsed]] = {}
_trees: dict[str, tuple[list[str], ast.Module]] = {}


def load(function: FunctionType) -> SourceFunction:
    """Find the source of a Python function.

    Parameters
    ----------
    function : FunctionType
        What ``def`` or ``lambda`` made; unwrap anything else with ``callables.resolve_callable``.

    Returns
    -------
    SourceFunction
        Its ``parsed`` is the same object for all functions of the same code object.

    Raises
    ------
    SourceUnavailable
        There is no source, or it is not what the function was compiled from.

    Examples
    --------
    >>> pair = [lambda x: x + 1, lambda x: x * 2]
    >>> ast.unparse(load(pair[1]).node.body[0])
    'return x * 2'
    """
    code = function.__code__
    for record in _recorders:
        record[id(code)] = code
    # By identity: code objects compare equal across files and have no reference to theirs.
    known = _parsed.get(id(code))
    if known is not None and known[0]() is code:
        return SourceFunction(function, known[1])
    parsed = _parse(code, function)
    key = id(code)
    _parsed[key] = (weakref.ref(code, lambda _: _parsed.pop(key, None)), parsed)
    return SourceFunction(function, parsed)


def lambda_to_def(node: ast.Lambda) -> ast.FunctionDef:
    """Turn a lambda into the ``def`` of a function that returns its body."""
    body = ast.copy_location(ast.Return(node.body), node.body)
    definition = ast.FunctionDef(LAMBDA, node.args, [body], [], None, None)
    definition.type_params = []  # type: ignore[attr-defined, unused-ignore]
    return ast.copy_location(definition, node)


def _parse(code: CodeType, function: FunctionType) -> Parsed:
    """Find, check and prepare the tree of a code object."""
    file = code.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file, function.__globals__)
    if not lines:
        raise SourceUnavailable(f"There is no source for `{function.__qualname__}` (in {file}).")
    try:
        tree = _tree(file, lines)
    except SyntaxError:
        raise _mismatch(code, lines) from None
    found = None
    for statement in _statements_at(tree, code.co_firstlineno):
        found = found or _find(code, statement, tree, lines)
    found = found or _find_moved(code, tree)
    if found is None:
        raise _mismatch(code, lines)
    node, class_name = found
    if isinstance(node, ast.Lambda):
        definition = lambda_to_def(node)
    else:
        # An async def keeps its class for the normaliser to refuse.
        definition = copy.copy(node)  # type: ignore[assignment]
        definition.decorator_list = []
    definition = mangling.mangle(definition, class_name)
    return Parsed(definition, file, tuple(lines))


def _tree(file: str, lines: list[str]) -> ast.Module:
    """Parse a file, or use the tree of last time if the lines are the same."""
    known = _trees.get(file)
    if known is not None and known[0] == lines:
        return known[1]
    tree = ast.parse("".join(lines), file)
    _trees[file] = (list(lines), tree)
    return tree


def _statements_at(tree: ast.Module, line: int) -> list[ast.stmt]:
    """Find the top-level statements that stand on a line: the units that are compiled again."""
    return [
        statement
        for statement in tree.body
        if _first_line(statement) <= line <= (statement.end_lineno or statement.lineno)
    ]


def _first_line(node: ast.stmt | ast.Lambda) -> int:
    """First line of a node with its decorators, as ``co_firstlineno`` counts."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _functions(
    node: ast.AST, class_name: str | None = None
) -> Iterator[tuple[AnyFunction, str | None]]:
    """Yield all functions below a node, each with the class whose private names it uses."""
    if isinstance(node, AnyFunction):
        yield node, class_name
    inner = node.name if isinstance(node, ast.ClassDef) else class_name
    for child in ast.iter_child_nodes(node):
        # Bases and decorators of a class count as inside it here, though they are outside: only
        # a lambda in them that uses private names would be seen wrongly.
        yield from _functions(child, inner)


def _find(code: CodeType, statement: ast.stmt, tree: ast.Module, lines: list[str]) -> Found | None:
    """Find the definition of a code object within the top-level statement at its line."""
    is_lambda = code.co_name == LAMBDA
    candidates = [
        (node, class_name)
        for node, class_name in _functions(statement)
        if _first_line(node) == code.co_firstlineno and _has_head(node, class_name, code)
    ]
    extent = hull(code)
    if is_lambda and extent is not None:
        # A lambda inside another one lies in both bodies: the innermost is meant.
        around = [pair for pair in candidates if _contains(pair[0], extent)]
        candidates = around[-1:]
    if not any(
        other.co_firstlineno == code.co_firstlineno
        and (not is_lambda or hull(other) == extent)
        and is_same_code(other, code)
        for other in _compiled(statement, code, tree)
    ):
        return None
    if len(candidates) > 1:
        raise SourceUnavailable(
            f"There are several functions `{code.co_name}` on one line.",
            origin=_line_origin(code, lines),
            why="Python was told not to record columns, so they cannot be told apart.",
            remedy="Put each on a line of its own.",
        )
    return candidates[0] if candidates else None


def _find_moved(code: CodeType, tree: ast.Module) -> Found | None:
    """Find the definition of a function that now stands on another line, if it is the only one."""
    if code.co_name == LAMBDA:
        return None
    found = [
        (node, class_name)
        for statement in tree.body
        for node, class_name in _functions(statement)
        if _has_head(node, class_name, code)
        and any(
            other.co_firstlineno == _first_line(node) and is_same_code(other, code)
            for other in _compiled(statement, code, tree)
        )
    ]
    return found[0] if len(found) == 1 else None


def _has_head(node: AnyFunction, class_name: str | None, code: CodeType) -> bool:
    """Whether a definition has the name and the parameters of a code object."""
    name = LAMBDA if isinstance(node, ast.Lambda) else node.name
    return name == code.co_name and _parameters(node, class_name) == parameters_of_code(code)


def _module_imports(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the import statements that run at module level."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not isinstance(child, AnyFunction | ast.ClassDef):
            yield from _module_imports(child)


def _compiled(statement: ast.stmt, code: CodeType, tree: ast.Module) -> list[CodeType]:
    """Compile a top-level statement and list the code objects in it named as ``code``.

    The module's imports come first: Python compiles ``math.sin(x)`` differently where ``math`` is
    imported at module level.
    """
    flags = (code.co_flags & _FUTURE_FLAGS) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    module = ast.Module([*_module_imports(tree), statement], [])
    compiled = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
    return [other for other in code_objects(compiled) if other.co_name == code.co_name]


def _parameters(node: AnyFunction, class_name: str | None) -> tuple[str, ...]:
    """Names of the parameters, in the order of ``co_varnames``."""
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
    return tuple(
        mangling.mangle_name(argument.arg, class_name or "") for argument in [*plain, *stars]
    )


def _contains(node: AnyFunction, extent: Hull) -> bool:
    """Whether the body of a lambda extends over ``extent``."""
    if not isinstance(node, ast.Lambda):
        return False
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    return start <= extent[0] and extent[1] <= end


def _line_origin(code: CodeType, lines: list[str]) -> Origin:
    """The first line of a code object, whatever stands there now."""
    line = code.co_firstlineno
    text = lines[line - 1].strip() if line <= len(lines) else ""
    return Origin(code.co_filename, line, 0, text)


def _mismatch(code: CodeType, lines: list[str]) -> SourceUnavailable:
    """Make the error for source that is not what the function was compiled from."""
    return SourceUnavailable(
        f"The source of `{code.co_name}` is not what the function was compiled from.",
        origin=_line_origin(code, lines),
        why="The file has changed since, or a tool has rewritten the function.",
        remedy="Import the module again, or run the cell again.",
    )
