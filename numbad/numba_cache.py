"""Machine code of generated functions on disk, in place of Numba's own cache.

Numba keeps an index of signatures per function, which two processes that compile at once can leave
pointing to each other's code. Here each signature has a file of its own, named by a hash of all
that determines it: the digest of the generated module, the signature, the processor. Files are
checked when they are read (``store.files``), and no failure of the cache reaches the caller.
"""

from __future__ import annotations

import pickle
from typing import Any

from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from numbad.store import files, fingerprint

_UNRESOLVED = ".numba.unresolved$"


class MachineCode(_Cache):  # type: ignore[misc]
    """The cache of one dispatcher.

    Parameters
    ----------
    digest : str
        That of the generated module, which covers its text, the versions and numbad itself.
    function : str
        Name of the function in the module.
    """

    def __init__(self, digest: str, function: str) -> None:
        self._identity = (digest, function)
        self._is_enabled = True

    @property
    def cache_path(self) -> str:
        """The directory."""
        return str(files.directory())

    def enable(self) -> None:
        """Use the cache."""
        self._is_enabled = True

    def disable(self) -> None:
        """Leave the cache alone."""
        self._is_enabled = False

    def flush(self) -> None:
        """Files are never changed, so there is nothing to empty."""

    def _name(self, signature: Any, codegen: Any) -> str:
        facts = (
            self._identity,
            repr(signature),
            codegen.magic_tuple(),
            fingerprint.surroundings(),
        )
        return f"code_{fingerprint.digest(facts)}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function for the signature; None if it is not known."""
        if not self._is_enabled:
            return None
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        data = files.read(name)
        if data is None:
            return None
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(data))
        except Exception as error:
            files.damaged(name, f"{type(error).__name__}: {error}")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, unless it refers to addresses of this process."""
        if not self._is_enabled or data.lifted or _is_bound(data.library):
            return
        name = self._name(sig, data.codegen)
        try:
            payload = dumps(data._reduce())
        except Exception as error:
            files.warn_once("unpicklable", f"Compiled code cannot be kept ({error}).")
            return
        files.write(name, payload)


def _is_bound(library: Any) -> bool:
    """Whether compiled code holds addresses that only the process that compiled it fills in.

    Besides dynamic globals these are the slots through which a function of a recursion calls one
    that was not compiled yet: Numba fills them when it has compiled both, and not when it loads
    them, so that the call would go nowhere.
    """
    slots = (variable.name for variable in library._final_module.global_variables)
    return library.has_dynamic_globals or any(name.startswith(_UNRESOLVED) for name in slots)


def keep_machine_code(function: Any, digest: str) -> None:
    """Keep what Numba compiles for a generated function (nothing to do if the JIT is off)."""
    if isinstance(function, Dispatcher):
        function._cache = MachineCode(digest, function.py_func.__name__)
