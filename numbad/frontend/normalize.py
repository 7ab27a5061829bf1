"""Rewrite a function's syntax tree into structured control flow (AST to AST).

What the builder can rely on afterwards
---------------------------------------
``normalize`` returns an ``ast.FunctionDef``. In its body and that of every ``def`` nested in it:

1. **One ``return``, the last statement** of the body, always with a value (``return None`` where
   Python returns None implicitly), in generators too; ``yield`` stays.
2. **No ``break``, no ``continue``**, no loop ``orelse``. Loops are

   - ``ast.For`` with empty ``orelse``: runs over all its items;
   - ``ast.While`` with empty ``orelse``: runs until its test fails. A flag may be the first operand
     of the test: ``while .go1 and <test>:``;
   - ``GuardedFor(target, iter, flag, body)``: see below.
3. **Statements** are only: ``Assign`` (one or several targets), ``AugAssign``, ``Expr``, ``If``,
   ``For``, ``While``, ``GuardedFor``, ``Attempt``, ``FunctionDef``, ``Raise``, ``Return``,
   ``Global``, ``Nonlocal``, ``Import``, ``ImportFrom``, ``Delete`` of subscripts and attributes.
   ``assert``, ``match``, ``try``/``finally``, annotated assignments, ``pass``, docstrings and
   ``del name`` are gone; all others are refused with ``UnsupportedSyntax``. A block may be empty
   (``If.body`` or ``If.orelse`` or a loop body is ``[]``).
4. **Expressions are as the user wrote them** (chained comparisons, ``and``/``or``, conditional
   expressions, walrus, comprehensions, generator expressions, lambdas, f-strings, ``yield``).

``GuardedFor``
--------------
``GuardedFor(target, iter, flag, body)`` is a ``for`` loop that may be left early::

    <iter is evaluated once>
    while flag and <iter has another item>:
        target = <next item>
        body

``flag`` is a ``str``, the name of a local bool that is True when the loop is entered (an assignment
``flag = True`` stands right before the loop) and that the body sets to False to leave the loop. The
flag is tested *before* the next item is taken, so ``target`` keeps its value. If ``iter`` has a
static structure the loop can be unrolled into ``if flag:`` nests, where the flag is often a static
True or False.

``Attempt``
-----------
``Attempt(body, guarded, handlers, orelse)`` is a ``try`` with handlers. ``guarded`` does what
``body`` does, but skips what follows a statement that set ``.thrown``; in it ``raise`` is
``Throw``. The builder takes it if something in the block is thrown that a handler catches; so it
does with functions called there, of which ``exits.guarded_function`` gives the guarded form.

Introduced names
----------------
Names that normalisation introduces begin with a dot, which no Python name can: ``.go1``, ``.go2``
(flags, always bool, True means "carry on"), ``.returned1`` (flags), ``.result`` (the value to be
returned), ``.subject1`` (of ``match``). ``hint`` gives a readable name for generated code. They are
always assigned before they are read, except ``.result``, which is undefined on paths that do not
return and is not read there (use ``Undefined`` as the value of an unbound name in merges).

New nodes carry the position of the statement they stand for; positions are those of the real file.
Statements that cannot be reached are dropped. A name that is bound only in such code is still local
to Python: ask ``function.__code__.co_varnames`` for the locals, not the tree.
"""

from __future__ import annotations

import ast
import weakref

from numbad.frontend.desugar import check
from numbad.frontend.exits import lower_function
from numbad.frontend.jumps import GuardedFor
from numbad.frontend.names import RESULT, Names, hint, is_introduced
from numbad.frontend.source import Parsed, SourceFunction

__all__ = ["RESULT", "GuardedFor", "hint", "is_introduced", "normalize"]

_normalized: weakref.WeakKeyDictionary[Parsed, ast.FunctionDef] = weakref.WeakKeyDictionary()


def normalize(source: SourceFunction) -> ast.FunctionDef:
    """Rewrite a function into structured control flow.

    Parameters
    ----------
    source : SourceFunction
        What ``source.load`` found. Its tree is not changed.

    Returns
    -------
    ast.FunctionDef
        In the form described at the head of this module; the same object for every function of
        the same code.

    Raises
    ------
    UnsupportedSyntax
        The function has a statement that cannot be differentiated, even in code that never runs.
    """
    known = _normalized.get(source.parsed)
    if known is None:
        check(source.parsed, source.node)
        known = lower_function(source.parsed, Names(), source.node)
        _normalized[source.parsed] = known
    return known
