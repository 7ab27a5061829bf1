"""Private names of classes, as the compiler renames them: ``__x`` in class ``C`` is ``_C__x``."""

from __future__ import annotations

import ast
import copy


def mangle_name(name: str, class_name: str) -> str:
    """Rename one identifier."""
    stripped = class_name.lstrip("_")
    if not name.startswith("__") or name.endswith("__") or "." in name or not stripped:
        return name
    return f"_{stripped}{name}"


def mangle(node: ast.FunctionDef, class_name: str | None) -> ast.FunctionDef:
    """Rename the private identifiers of a function defined in a class; others are left as is.

    Examples
    --------
    >>> tree = ast.parse("def area(self): return self.__width * self.height")
    >>> print(ast.unparse(mangle(tree.body[0], "Plate")))
    def area(self):
        return self._Plate__width * self.height
    """
    if class_name is None:
        return node
    renamed = copy.deepcopy(node)
    for child in ast.walk(renamed):
        match child:
            case ast.Name():
                child.id = mangle_name(child.id, class_name)
            case ast.Attribute():
                child.attr = mangle_name(child.attr, class_name)
            case ast.arg():
                child.arg = mangle_name(child.arg, class_name)
            case ast.keyword(arg=str(name)):
                child.arg = mangle_name(name, class_name)
            case ast.FunctionDef() if child is not renamed:
                child.name = mangle_name(child.name, class_name)
            case ast.Global() | ast.Nonlocal():
                child.names = [mangle_name(name, class_name) for name in child.names]
            case _:
                pass
    return renamed
