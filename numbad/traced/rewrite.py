"""Python functions in the form in which they are traced.

Calls, reads of names, attributes and items, and assignments to attributes and items are turned
into calls of the hooks in ``intercept``; all else is left to Python. The function's own source is
rewritten, with its line numbers, and shares globals and closure cells with the original. A function
whose source is out of reach runs as it is, on a view of its globals in which functions are replaced
(``proxies``).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType
from typing import Any

from numbad.errors import SourceUnavailable, UnsupportedSyntax
from numbad.frontend.source import SourceFunction, load

# Calls that look at the frame they are made from.
_OF_THE_FRAME = {"super", "locals", "globals", "vars", "dir", "eval", "exec", "__import__"}
_NUMBER_TYPES = {"int", "float", "complex", "bool"}

HOOK_NAMES = (
    "_nb_call",
    "_nb_name",
    "_nb_attr",
    "_nb_item",
    "_nb_set",
    "_nb_setattr",
    "_nb_op",
    "_nb_iop",
    "_nb_is",
    "_nb_iter",
    "_nb_in",
    "_nb_del",
    "_nb_with",
)

_codes: dict[int, tuple[CodeType, CodeType | None]] = {}
_rewritten: dict[int, CodeType] = {}


def is_rewritten(function: FunctionType) -> bool:
    """Whether a function was made by rewritten code, or is itself a rewritten one."""
    return _rewritten.get(id(function.__code__)) is function.__code__


def rewritten(function: FunctionType, hooks: dict[str, Any]) -> FunctionType | None:
    """Return the function in the form that is traced; None if its source is not to be had."""
    code = function.__code__
    known = _codes.get(id(code))
    if known is None:
        try:
            made: CodeType | None = _compiled(load(function))
        except SourceUnavailable:
            made = None
        known = _codes[id(code)] = (code, made)
    new = known[1]
    if new is None:
        return None
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple(
        cells[name] if name in cells else CellType(hooks[name]) for name in new.co_freevars
    )
    found = FunctionType(
        new, function.__globals__, function.__name__, function.__defaults__, closure
    )
    found.__kwdefaults__ = function.__kwdefaults__
    found.__qualname__ = function.__qualname__
    return found


def names_written(function: FunctionType) -> tuple[list[str], list[CellType]]:
    """Return the globals that a function assigns and the cells that it shares."""
    import dis

    names = {
        instruction.argval
        for instruction in dis.get_instructions(function.__code__)
        if instruction.opname == "STORE_GLOBAL"
    }
    return sorted(names), list(function.__closure__ or ())


def _compiled(source: SourceFunction) -> CodeType:
    definition = copy.deepcopy(source.node)
    name = definition.name
    rewriter = _Rewriter(source)
    definition.args = rewriter.signature(definition.args)
    definition.returns = None
    definition.body = rewriter.block(definition.body)
    # Under its own name it would hide the global of that name from itself.
    definition.name = "_nb_function"
    free = list(source.function.__code__.co_freevars)
    parameters = [ast.arg(each) for each in (*HOOK_NAMES, *free)]
    factory = ast.FunctionDef(
        "_nb_factory",
        ast.arguments([], parameters, None, [], [], None, []),
        [definition, ast.Return(ast.Name(definition.name, ast.Load()))],
        [],
        None,
        None,
    )
    factory.type_params = []  # type: ignore[attr-defined, unused-ignore]
    module = ast.fix_missing_locations(ast.Module([factory], []))
    flags = source.function.__code__.co_flags & 0x1FF0000
    compiled = compile(module, source.file, "exec", flags, dont_inherit=True)
    outer = next(each for each in compiled.co_consts if isinstance(each, CodeType))
    code = next(
        each
        for each in outer.co_consts
        if isinstance(each, CodeType) and each.co_name == definition.name
    )
    code = code.replace(co_name=name, co_qualname=source.qualname)
    for each in _all_codes(code):
        _rewritten[id(each)] = each
    return code


def _all_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _all_codes(each)


def _hook(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


class _Rewriter(ast.NodeTransformer):
    """Rewrites the body of a function and of the functions in it."""

    def __init__(self, source: SourceFunction) -> None:
        self.source = source
        self.count = 0

    def signature(self, args: ast.arguments) -> ast.arguments:
        """Return parameters without annotations and without values for defaults."""
        for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if each is not None:
                each.annotation = None
        nothing = ast.Constant(None)
        args.defaults = [nothing for _ in args.defaults]
        args.kw_defaults = [None if each is None else nothing for each in args.kw_defaults]
        return args

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements."""
        found: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            found.extend(new if isinstance(new, list) else [new])
        return found

    def fresh(self) -> str:
        """Return a new name."""
        self.count += 1
        return f"_nb_{self.count}"

    # expressions

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and not node.id.startswith("_nb_"):
            return ast.copy_location(_hook("_nb_name", node), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        func = node.func
        if isinstance(func, ast.Name):
            if func.id in _OF_THE_FRAME:
                node.args = [self.visit(each) for each in node.args]
                node.keywords = [self.visit(each) for each in node.keywords]
                return node
            callee: ast.expr = func
        elif isinstance(func, ast.Attribute):
            callee = ast.copy_location(
                _hook("_nb_attr", self.visit(func.value), ast.Constant(func.attr)), func
            )
        else:
            callee = self.visit(func)
        args = [self.visit(each) for each in node.args]
        keywords = [self.visit(each) for each in node.keywords]
        return ast.copy_location(
            ast.Call(ast.Name("_nb_call", ast.Load()), [callee, *args], keywords), node
        )

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            return ast.copy_location(_hook("_nb_attr", value, ast.Constant(node.attr)), node)
        node.value = value
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        value, key = self.visit(node.value), self._key(node.slice)
        if isinstance(node.ctx, ast.Load):
            return ast.copy_location(_hook("_nb_item", value, key), node)
        node.value, node.slice = value, key
        return node

    def _key(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Slice):
            parts = [
                ast.Constant(None) if part is None else self.visit(part)
                for part in (node.lower, node.upper, node.step)
            ]
            return ast.copy_location(_hook("_nb_op", ast.Constant("slice"), *parts), node)
        if isinstance(node, ast.Tuple):
            node.elts = [
                self._key(each) if isinstance(each, ast.Slice) else self.visit(each)
                for each in node.elts
            ]
            return node
        found: ast.expr = self.visit(node)
        return found

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            return node
        if isinstance(node.op, ast.Mod) and isinstance(left, ast.Constant | ast.JoinedStr):
            node.left, node.right = left, right
            return node
        name = _OPERATORS[type(node.op)]
        return ast.copy_location(_hook("_nb_op", ast.Constant(name), left, right), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        node.operand = self.visit(node.operand)
        if isinstance(node.operand, ast.Constant) or isinstance(node.op, ast.Not):
            return node
        name = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"}[type(node.op)]
        return ast.copy_location(_hook("_nb_op", ast.Constant(name), node.operand), node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if len(node.ops) == 1:
            left, right = self.visit(node.left), self.visit(node.comparators[0])
            operator = node.ops[0]
            if isinstance(operator, ast.Is | ast.IsNot):
                found: ast.expr = _hook("_nb_is", left, right)
                if isinstance(operator, ast.IsNot):
                    found = ast.UnaryOp(ast.Not(), found)
                return ast.copy_location(found, node)
            if not isinstance(operator, ast.In | ast.NotIn):
                name = _COMPARISONS[type(operator)]
                return ast.copy_location(_hook("_nb_op", ast.Constant(name), left, right), node)
            found = _hook("_nb_in", right, left)
            if isinstance(operator, ast.NotIn):
                found = ast.UnaryOp(ast.Not(), found)
            return ast.copy_location(found, node)
        self.generic_visit(node)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        node.value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            node.value = ast.copy_location(_hook("_nb_iter", node.value), node.value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = ast.copy_location(_hook("_nb_iter", node.iter), node.iter)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        value = self.visit(node.value)
        node.value = ast.copy_location(_hook("_nb_iter", value), value)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        node.body = self.visit(node.body)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.visit(node.value)
        if node.format_spec is not None:
            node.format_spec = self.visit(node.format_spec)
        return node

    # statements

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        args = node.args
        for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if each is not None:
                each.annotation = None
        args.defaults = [self.visit(each) for each in args.defaults]
        args.kw_defaults = [each and self.visit(each) for each in args.kw_defaults]
        node.returns = None
        node.body = self.block(node.body)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        raise UnsupportedSyntax(
            "`async` functions are not traced.", origin=self.source.origin(node)
        )

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        body: list[ast.stmt] = []
        for each in node.body:
            if isinstance(each, ast.AnnAssign):
                # The annotations of a class mean something: to dataclasses, for one.
                if each.value is not None:
                    each.value = self.visit(each.value)
                body.append(each)
            else:
                new = self.visit(each)
                body.extend(new if isinstance(new, list) else [new])
        node.body = body
        node.bases = [self.visit(each) for each in node.bases]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return node if isinstance(node.target, ast.Name) else []
        if isinstance(node.target, ast.Name):
            node.annotation = ast.Constant(None)
            node.value = self.visit(node.value)
            return node
        return self.visit(ast.copy_location(ast.Assign([node.target], node.value, None), node))

    def visit_Assign(self, node: ast.Assign) -> Any:
        value = self.visit(node.value)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            node.value = value
            return node
        name = self.fresh()
        found: list[ast.stmt] = [ast.Assign([ast.Name(name, ast.Store())], value, None)]
        for target in node.targets:
            found += self.assigned(target, ast.Name(name, ast.Load()))
        return [ast.fix_missing_locations(ast.copy_location(each, node)) for each in found]

    def assigned(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        """Return the statements that assign ``value``, a plain name, to a target."""
        match target:
            case ast.Name():
                return [ast.Assign([target], value, None)]
            case ast.Attribute():
                return [
                    ast.Expr(
                        _hook(
                            "_nb_setattr",
                            self.visit(target.value),
                            ast.Constant(target.attr),
                            value,
                        )
                    )
                ]
            case ast.Subscript():
                return [
                    ast.Expr(
                        _hook("_nb_set", self.visit(target.value), self._key(target.slice), value)
                    )
                ]
            case ast.Starred(inner):
                return self.assigned(inner, value)
            case ast.Tuple(elts) | ast.List(elts):
                names = [self.fresh() for _ in elts]
                parts: list[ast.expr] = [
                    ast.Starred(ast.Name(name, ast.Store()), ast.Store())
                    if isinstance(each, ast.Starred)
                    else ast.Name(name, ast.Store())
                    for name, each in zip(names, elts, strict=True)
                ]
                found: list[ast.stmt] = [
                    ast.Assign(
                        [ast.Tuple(parts, ast.Store())],
                        _hook("_nb_iter", _hook("_nb_name", value)),
                        None,
                    )
                ]
                for name, each in zip(names, elts, strict=True):
                    found += self.assigned(each, ast.Name(name, ast.Load()))
                return found
            case _:
                raise UnsupportedSyntax(
                    "This target is not traced.", origin=self.source.origin(target)
                )

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        name = ast.Constant(_OPERATORS[type(node.op)])
        value = self.visit(node.value)
        target = node.target
        found: list[ast.stmt]
        if isinstance(target, ast.Name):
            read = _hook("_nb_name", ast.Name(target.id, ast.Load()))
            found = [ast.Assign([target], _hook("_nb_iop", name, read, value), None)]
        elif isinstance(target, ast.Attribute):
            owner = self.fresh()
            this = ast.Name(owner, ast.Load())
            read = _hook("_nb_attr", this, ast.Constant(target.attr))
            found = [
                ast.Assign([ast.Name(owner, ast.Store())], self.visit(target.value), None),
                ast.Expr(
                    _hook(
                        "_nb_setattr",
                        this,
                        ast.Constant(target.attr),
                        _hook("_nb_iop", name, read, value),
                    )
                ),
            ]
        else:
            owner, key = self.fresh(), self.fresh()
            this, at = ast.Name(owner, ast.Load()), ast.Name(key, ast.Load())
            found = [
                ast.Assign([ast.Name(owner, ast.Store())], self.visit(target.value), None),
                ast.Assign([ast.Name(key, ast.Store())], self._key(target.slice), None),
                ast.Expr(
                    _hook(
                        "_nb_set",
                        this,
                        at,
                        _hook("_nb_iop", name, _hook("_nb_item", this, at), value),
                    )
                ),
            ]
        return [ast.fix_missing_locations(ast.copy_location(each, node)) for each in found]

    def visit_For(self, node: ast.For) -> ast.AST:
        items = self.visit(node.iter)
        node.iter = ast.copy_location(_hook("_nb_iter", items), items)
        if _is_simple(node.target):
            node.body = self.block(node.body)
        else:
            name = self.fresh()
            body = self.assigned(node.target, ast.Name(name, ast.Load()))
            node.target = ast.copy_location(ast.Name(name, ast.Store()), node.target)
            body = [ast.fix_missing_locations(ast.copy_location(each, node)) for each in body]
            node.body = [*body, *self.block(node.body)]
        node.orelse = self.block(node.orelse)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        for each in ast.walk(node):
            if (
                isinstance(each, ast.MatchClass)
                and isinstance(each.cls, ast.Name)
                and each.cls.id in _NUMBER_TYPES
            ):
                raise UnsupportedSyntax(
                    f"`case {each.cls.id}()` is not traced: it asks for the type of a number.",
                    origin=self.source.origin(each),
                    remedy="Use isinstance.",
                )
        node.subject = self.visit(node.subject)
        for case in node.cases:
            if case.guard is not None:
                case.guard = self.visit(case.guard)
            case.body = self.block(case.body)
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        for item in node.items:
            manager = self.visit(item.context_expr)
            item.context_expr = ast.copy_location(_hook("_nb_with", manager), manager)
        node.body = self.block(node.body)
        return node

    def visit_Delete(self, node: ast.Delete) -> Any:
        found: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                call = _hook("_nb_del", self.visit(target.value), self._key(target.slice))
                found.append(ast.Expr(call))
                continue
            if isinstance(target, ast.Attribute):
                self.generic_visit(target)
            found.append(ast.Delete([target]))
        return [ast.fix_missing_locations(ast.copy_location(each, node)) for each in found]


def _is_simple(target: ast.expr) -> bool:
    """Whether a target assigns names only."""
    return not any(isinstance(each, ast.Attribute | ast.Subscript) for each in ast.walk(target))


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
