"""Generated source becomes a module in a real file.

A real file, and not only ``linecache``, because tracebacks and debuggers look for it. The file is
written once, atomically, into a directory that only the user can read.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import threading
import types as python_types
from pathlib import Path
from typing import Any

from numba import njit

from numbad import numba_bridge
from numbad.config import config
from numbad.emit.emitted import Emitted
from numbad.numba_cache import keep_machine_code
from numbad.numba_passes import compile_shortly
from numbad.store.files import replace, warn_once

_modules: dict[tuple[Any, ...], python_types.ModuleType] = {}
_lock = threading.Lock()


def load_module(emitted: Emitted, cache_dir: str | os.PathLike[str] | None = None) -> Any:
    """Write, import and return the entry function of a generated module.

    Parameters
    ----------
    emitted : Emitted
        What ``emit_module`` returned.
    cache_dir : path, optional
        Directory for the file; ``config.cache_dir`` if not given. If it cannot be written to, a
        temporary directory is used and a ``RuntimeWarning`` says so, once.

    Returns
    -------
    Dispatcher
        The entry function (a plain function if Numba's JIT is disabled). The same text with the
        same bound objects gives the same dispatcher.
    """
    path = _write(emitted, Path(cache_dir) if cache_dir is not None else config.cache_dir)
    return import_module(path, emitted.text, emitted.entry_name, emitted.bindings, emitted.digest)


def import_module(
    path: Path,
    code: str | python_types.CodeType,
    entry_name: str,
    bindings: dict[str, Any],
    digest: str,
) -> Any:
    """Import a generated module whose file exists, and return its entry function.

    Parameters
    ----------
    path : Path
        The file.
    code : str or code object
        Its contents, or what they were compiled to.
    entry_name, bindings, digest
        As in ``Emitted``.
    """
    key = (str(path), *((name, id(obj)) for name, obj in bindings.items()))
    with _lock:
        module = _modules.get(key)
        if module is None:
            module = _execute(path, code, bindings)
            for value in list(vars(module).values()):
                if getattr(value, "__module__", "") == module.__name__:
                    compile_shortly(value)
            if bindings_are_plain(bindings):
                keep_machine_code(getattr(module, entry_name), digest)
            _modules[key] = module
    return getattr(module, entry_name)


def bindings_are_plain(bindings: dict[str, Any]) -> bool:
    """Whether the bound objects are no functions of the user's, of which only the name is known."""
    return not any(hasattr(getattr(obj, "py_func", obj), "__code__") for obj in bindings.values())


def module_path(function: Any) -> str:
    """Return the file of a generated function."""
    return str(getattr(function, "py_func", function).__code__.co_filename)


def _execute(
    path: Path, code: str | python_types.CodeType, bindings: dict[str, Any]
) -> python_types.ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    for name, obj in bindings.items():
        setattr(module, name, _callable_in_nopython(obj))
    module.__dict__["__numbad_bindings__"] = bindings
    sys.modules[path.stem] = module
    if isinstance(code, str):
        code = compile(code, str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def _callable_in_nopython(obj: Any) -> Any:
    """Return what generated code must call for ``obj``: plain functions are compiled by Numba."""
    if not isinstance(obj, python_types.FunctionType) or numba_bridge.is_callable_in_nopython(obj):
        return obj
    return njit(obj)


def _write(emitted: Emitted, directory: Path) -> Path:
    name = f"numbad_{emitted.digest}.py"
    try:
        return _write_to(directory, name, emitted.text)
    except OSError as error:
        fallback = _temporary_directory()
        warn_once("unwritable", f"Nothing can be kept in {directory} ({error}).")
        return _write_to(fallback, name, emitted.text)


_temporary: list[Path] = []


def _temporary_directory() -> Path:
    if not _temporary:
        _temporary.append(Path(tempfile.mkdtemp(prefix="numbad-")))
    return _temporary[0]


def _write_to(directory: Path, name: str, text: str) -> Path:
    """Write the file unless it is there already."""
    path = directory / name
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return path
    except FileNotFoundError:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(path, data)
    return path
