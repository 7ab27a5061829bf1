"""Generated source becomes a module in a real file.

A real file, and not only ``linecache``, because Numba's on-disk cache and debuggers look for it.
The file is written once, atomically, into a directory that only the user can read.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import threading
import types as python_types
import warnings
from pathlib import Path
from typing import Any

from numba import njit

from numbad import numba_bridge
from numbad.config import config
from numbad.emit.emitted import Emitted

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
        temporary directory is used and a ``RuntimeWarning`` says so.

    Returns
    -------
    Dispatcher
        The entry function (a plain function if Numba's JIT is disabled). The same text with the
        same bound objects gives the same dispatcher.
    """
    path = _write(emitted, Path(cache_dir) if cache_dir is not None else config.cache_dir)
    key = (str(path), *((name, id(obj)) for name, obj in emitted.bindings.items()))
    with _lock:
        module = _modules.get(key)
        if module is None:
            module = _import(path, emitted)
            _modules[key] = module
    return getattr(module, emitted.entry_name)


def module_path(function: Any) -> str:
    """Return the file of a generated function."""
    return str(getattr(function, "py_func", function).__code__.co_filename)


def _import(path: Path, emitted: Emitted) -> python_types.ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    for name, obj in emitted.bindings.items():
        setattr(module, name, _callable_in_nopython(obj))
    module.__dict__["__numbad_bindings__"] = emitted.bindings
    sys.modules[path.stem] = module
    code = compile(emitted.text, str(path), "exec", dont_inherit=True)
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
        warnings.warn(
            f"generated code cannot be kept in {directory} ({error}); using {fallback}",
            RuntimeWarning,
            stacklevel=4,
        )
        return _write_to(fallback, name, emitted.text)


_temporary: list[Path] = []


def _temporary_directory() -> Path:
    if not _temporary:
        _temporary.append(Path(tempfile.mkdtemp(prefix="numbad-")))
    return _temporary[0]


def _write_to(directory: Path, name: str, text: str) -> Path:
    """Write the file unless it is there already: its time stamp is part of Numba's cache key."""
    path = directory / name
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return path
    except FileNotFoundError:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=name, suffix=".tmp", dir=directory)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path
