"""Sorting of a list whose length is known only at run time, in place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from numbad.frontend import list_functions, operators
from numbad.frontend.values import Ref, Value

if TYPE_CHECKING:
    from numbad.frontend.builder import Builder


def sort_in_place(
    builder: Builder, ref: Ref, key: Value | None, is_reversed: bool, node: ast.AST | None
) -> None:
    """Sort a list of numbers, by numbers that a key gives if there is one."""
    flag = builder.static(is_reversed)
    if key is None:
        builder.inline(list_functions.sort, [ref, flag], node=node)
        return
    keys = builder.new_list(())

    def one(item: Value) -> None:
        operators.append(builder, keys, builder.apply(key, [item], {}, node), node)

    builder.iterate(ref, one, node)
    builder.inline(list_functions.sort_by, [ref, keys, flag], node=node)
