"""Source of functions that an overload makes from text.

Libraries write out code for each number of dimensions and run it with ``exec`` or ``eval`` when
Numba asks for the overload; Python forgets the text. While numbad asks, the text is kept in
``linecache``, under a name made from it, where ``source.load`` finds it.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import linecache
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

_lock = threading.RLock()


@contextmanager
def keeping_texts() -> Iterator[None]:
    r"""Keep the text of all code that is compiled meanwhile from text or from a tree.

    Examples
    --------
    >>> with keeping_texts():
    ...     double = eval("lambda x: 2 * x")
    >>> linecache.getline(double.__code__.co_filename, 1)
    'lambda x: 2 * x\n'
    """
    with _lock:
        originals = (builtins.compile, builtins.exec, builtins.eval)
        compile_, exec_, eval_ = originals

        def compile_and_keep(
            source: Any, filename: Any, mode: str, *args: Any, **kwargs: Any
        ) -> Any:
            flags = args[0] if args else kwargs.get("flags", 0)
            if flags & ast.PyCF_ONLY_AST:
                return compile_(source, filename, mode, *args, **kwargs)
            text = _text(source)
            if text is None:
                return compile_(source, filename, mode, *args, **kwargs)
            return compile_(text, _keep(text), mode, *args, **kwargs)

        def run(mode: str, function: Any) -> Any:
            def run_and_keep(source: Any, /, *spaces: Any, **kwargs: Any) -> Any:
                if not spaces and not kwargs:
                    frame = sys._getframe(1)
                    spaces = (frame.f_globals, frame.f_locals)
                if isinstance(source, str | bytes):
                    source = compile_and_keep(_text(source), "<string>", mode)
                assert isinstance(source, CodeType)
                return function(source, *spaces, **kwargs)

            return run_and_keep

        builtins.compile = compile_and_keep
        builtins.exec = run("exec", exec_)
        builtins.eval = run("eval", eval_)
        try:
            yield
        finally:
            builtins.compile, builtins.exec, builtins.eval = originals


def _text(source: Any) -> str | None:
    if isinstance(source, ast.AST):
        return ast.unparse(source)
    if isinstance(source, str):
        return source.lstrip()
    return None


def _keep(text: str) -> str:
    name = f"<generated {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
    lines = [line + "\n" for line in text.splitlines()]
    linecache.cache[name] = (len(text), None, lines, name)
    return name
