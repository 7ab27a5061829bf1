"""Run normalised trees: ``GuardedFor`` as plain Python, and a check of the promised form."""

import ast
import copy
import textwrap

from numbad.frontend.desugar import check
from numbad.frontend.exits import lower_function
from numbad.frontend.guarding import Throw
from numbad.frontend.jumps import Attempt, GuardedFor
from numbad.frontend.names import RESULT, Names, is_introduced
from numbad.frontend.source import Parsed

STATEMENTS = (
    ast.Assign,
    ast.AugAssign,
    ast.Expr,
    ast.If,
    ast.For,
    ast.While,
    GuardedFor,
    Attempt,
    Throw,
    ast.FunctionDef,
    ast.Raise,
    ast.Global,
    ast.Nonlocal,
    ast.Import,
    ast.ImportFrom,
    ast.Delete,
)


def parse(text: str) -> Parsed:
    """The first function of a text, as ``source.load`` would give it."""
    text = textwrap.dedent(text).lstrip("\n")
    node = ast.parse(text).body[0]
    return Parsed(node, "program.py", tuple(text.splitlines(keepends=True)))


def normal_form(text: str) -> ast.FunctionDef:
    """Normalise the function in ``text`` and check the form of the result."""
    parsed = parse(text)
    before = ast.dump(parsed.node, include_attributes=True)
    check(parsed, parsed.node)
    result = lower_function(parsed, Names(), parsed.node)
    assert ast.dump(parsed.node, include_attributes=True) == before, "the tree was changed"
    check_form(result)
    return result


def check_form(function: ast.FunctionDef) -> None:
    """Assert the guarantees at the head of ``numbad.frontend.normalize``."""
    *body, last = function.body
    assert isinstance(last, ast.Return)
    assert last.value is not None
    _check_block(body)
    for node in ast.walk(function):
        if isinstance(node, ast.stmt | ast.expr):
            assert 1 <= node.lineno <= node.end_lineno <= function.end_lineno, ast.dump(node)
            assert node.col_offset >= 0


def _check_block(body: list[ast.stmt]) -> None:
    for statement in body:
        assert isinstance(statement, STATEMENTS), ast.dump(statement)
        match statement:
            case ast.FunctionDef():
                check_form(statement)
            case ast.If():
                assert statement.body or statement.orelse
                _check_block(statement.body)
                _check_block(statement.orelse)
            case ast.For() | ast.While():
                assert not statement.orelse
                _check_block(statement.body)
            case GuardedFor():
                assert is_introduced(statement.flag)
                _check_block(statement.body)
            case Attempt():
                handled = [handler.body for handler in statement.handlers]
                for block in (statement.body, *handled, statement.orelse):
                    _check_block(block)
                _check_block(statement.guarded)


class _Plain(ast.NodeTransformer):
    """Normalised tree to plain Python, by the definition of ``GuardedFor``."""

    def __init__(self) -> None:
        self.count = 0

    def visit_GuardedFor(self, node: GuardedFor) -> list[ast.stmt]:
        self.count += 1
        items, item = f".items{self.count}", f".item{self.count}"
        loop = ast.parse(
            "ITEMS = iter(0)\nwhile FLAG and (ITEM := next(ITEMS, NONE)) is not NONE:\n    T = ITEM"
        )
        names = {"ITEMS": items, "ITEM": item, "FLAG": node.flag, "NONE": "__no_item__"}
        for name in ast.walk(loop):
            if isinstance(name, ast.Name):
                name.id = names.get(name.id, name.id)
        start, loop_ = loop.body
        start.value.args = [self.visit(node.iter)]
        loop_.body[0].targets = [node.target]
        loop_.body += [self.visit(statement) for statement in node.body]
        loop_.body = _flat(loop_.body)
        return [start, loop_]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.If | ast.For | ast.While) and not node.body:
            node.body = [ast.Pass()]
        return node


def _flat(body: list) -> list[ast.stmt]:
    return [s for item in body for s in (item if isinstance(item, list) else [item])]


def plain(function: ast.FunctionDef) -> ast.FunctionDef:
    """A normalised function as Python can run it."""
    return ast.fix_missing_locations(_Plain().visit(copy.deepcopy(function)))


def compile_plain(function: ast.FunctionDef, namespace: dict):
    """Make a Python function of a normalised tree."""
    module = ast.Module([plain(function)], [])
    namespace = {**namespace, "__no_item__": object()}
    exec(compile(module, "<normalised>", "exec"), namespace)
    return namespace[function.name]


class _Unparser(ast._Unparser):
    def visit_GuardedFor(self, node: GuardedFor) -> None:
        self.fill(f"for[{node.flag}] ")
        self.traverse(node.target)
        self.write(" in ")
        self.traverse(node.iter)
        with self.block():
            self.traverse(node.body)


def show(function: ast.FunctionDef) -> str:
    """Text of a normalised tree, ``for[flag] x in y:`` standing for ``GuardedFor``."""
    return _Unparser().visit(function)


__all__ = ["RESULT", "compile_plain", "normal_form", "parse", "plain", "show"]
