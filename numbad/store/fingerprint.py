"""What an object is, in words that another process understands.

``describe`` gives nested tuples of text: equal descriptions mean that generated code made for one
object serves the other. A function counts by its bytecode, line numbers included; what it reads
from globals and closure cells is checked elsewhere, value by value.
"""

from __future__ import annotations

import builtins
import enum
import functools
import hashlib
import os
import platform
import sys
import types as python_types
from pathlib import Path
from typing import Any

import numba
import numpy as np

from numbad import numba_bridge, structure
from numbad.config import config

Description = tuple[Any, ...]


class NotStorable(Exception):
    """The object means nothing outside this process."""


def describe(value: Any) -> Description:
    """Return the description of an object; ``NotStorable`` if it has none."""
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes() if not isinstance(
            value, enum.Enum
        ):
            return ("value", type(value).__name__, repr(value))
        case range() | np.generic():
            return ("value", type(value).__name__, repr(value))
        case set() | frozenset():
            return ("set", type(value).__name__, *map(describe, value))
        case python_types.FunctionType():
            return ("function", value.__module__, value.__qualname__, code_digest(value.__code__))
        case python_types.ModuleType():
            return ("module", value.__name__)
        case functools.partial():
            return ("partial", describe(value.func), len(value.args), tuple(value.keywords))
        case python_types.MethodType():
            return ("method", describe(value.__func__), describe(type(value.__self__)))
        case type():
            return ("class", value.__module__, value.__qualname__, _class_digest(value))
        case np.dtype():
            return ("dtype", value.str, repr(value))
        case enum.Enum():
            return ("enum", describe(type(value)), value.name, repr(value.value))
    inner = numba_bridge.dispatcher_function(value)
    if inner is not None:
        return ("jit", describe(inner), numba_bridge.dispatcher_settings(value))
    if named(value) is not None:
        return ("named", *(named(value) or ()))
    if structure.record_fields(value) is not None:
        return ("instance", describe(type(value)))
    raise NotStorable(type(value).__name__)


def named(value: Any) -> tuple[str, str] | None:
    """Module and path by which an object is found in it; None if it is not found there."""
    path = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(path, str):
        return None
    module = getattr(value, "__module__", None)
    for candidate in (module, "numpy") if isinstance(value, np.ufunc) else (module,):
        if isinstance(candidate, str) and find(candidate, path) is value:
            return candidate, path
    return None


def find(module: str, path: str) -> Any:
    """Return the object of a path in a module that is loaded; None if there is none."""
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


@functools.lru_cache(4096)
def _digest_of_code(identity: int, code: python_types.CodeType) -> str:
    hasher = hashlib.sha256()
    _feed(hasher, code)
    return hasher.hexdigest()


def code_digest(code: python_types.CodeType) -> str:
    """Hash of a code object and of those in it, with names, constants and places."""
    # Equal code objects may stand in different files: the identity is part of the key.
    return _digest_of_code(id(code), code)


def _feed(hasher: Any, code: python_types.CodeType) -> None:
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            _feed(hasher, constant)
        elif isinstance(constant, frozenset):
            constants.append(repr(sorted(constant, key=repr)))
        else:
            constants.append(repr(constant))
    facts = (
        *(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        *(code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        *(code.co_filename, code.co_firstlineno, code.co_name, constants),
    )
    hasher.update(repr(facts).encode())
    hasher.update(code.co_code)
    hasher.update(code.co_linetable)


def _class_digest(cls: type) -> str:
    """Hash of the members of a class and its bases, as far as they are code or plain values."""
    hasher = hashlib.sha256()
    for base in cls.__mro__:
        if base.__module__ == builtins.__name__:
            continue
        hasher.update(f"{base.__module__}.{base.__qualname__}".encode())
        for name, member in vars(base).items():
            hasher.update(f"{name}={_member(member)}".encode())
    return hasher.hexdigest()


def _member(member: Any) -> str:
    for attribute in ("__func__", "fget", "func", "py_func"):
        member = getattr(member, attribute, None) or member
    if isinstance(member, python_types.FunctionType):
        # Methods that are made anew for each class, as those of dataclasses, have no file.
        return code_digest(member.__code__)
    if isinstance(member, str | bool | int | float | complex | None):
        return repr(member)
    return type(member).__name__


def file_stamp(file: str) -> tuple[str, int, int, str] | None:
    """Name, time, size and hash of a source file; None if it is not a file."""
    try:
        status = os.stat(file)
        return file, status.st_mtime_ns, status.st_size, _file_hash(file)
    except OSError:
        return None


def is_current(stamp: tuple[str, int, int, str]) -> bool:
    """Whether a file is still what it was."""
    file, changed, size, digest = stamp
    try:
        status = os.stat(file)
        same = (status.st_mtime_ns, status.st_size) == (changed, size)
        return same or _file_hash(file) == digest
    except OSError:
        return False


def _file_hash(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@functools.cache
def surroundings() -> Description:
    """Describe this installation: versions, processor, and the state of numbad's own files."""
    return (
        "numbad",
        own_digest(),
        sys.version,
        sys.flags.optimize,
        platform.machine(),
        np.__version__,
        numba.__version__,
        *numba_bridge.processor(),
        numba_bridge.code_settings(),
    )


@functools.cache
def own_digest() -> str:
    """Hash of names, sizes and times of numbad's files: another version never meets old entries."""
    root = Path(__file__).resolve().parent.parent
    hasher = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            if name.endswith(".py"):
                status = os.stat(os.path.join(folder, name))
                facts = (os.path.relpath(folder, root), name, status.st_mtime_ns, status.st_size)
                hasher.update(repr(facts).encode())
    return hasher.hexdigest()


def settings() -> Description:
    """Describe the settings that generated code depends on."""
    scipy = sys.modules.get("scipy")
    return (*config.for_generated_code(), getattr(scipy, "__version__", ""))


def digest(description: Any) -> str:
    """Hash of a description."""
    return hashlib.sha256(repr(description).encode()).hexdigest()[:32]
