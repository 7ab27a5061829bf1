"""Settings of this process: which engine, where generated files go, whether passes are verified.

``config`` is the one instance. Each setting starts from an environment variable, is validated
when it is assigned, and can be changed for the length of a block::

    from numbad.config import config

    config.engine = "compiled"
    with config.override(debug=True):
        ...

This module knows nothing of the rest of numbad, so that every layer may read it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENGINES = ("auto", "compiled", "traced")

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")


class ConfigError(ValueError):
    """A setting, or the environment variable it comes from, has a value that is not allowed."""


class Config:
    """The settings of numbad.

    Parameters
    ----------
    environment : Mapping[str, str]
        Where the initial values come from; ``os.environ`` for the instance ``config``.

    Attributes
    ----------
    engine : {"auto", "compiled", "traced"}
        The engine used where a call does not name one. ``NUMBAD_ENGINE``; default ``"auto"``.
    cache_dir : pathlib.Path
        Where generated source files and Numba's compiled code are kept. Created when it is first
        written to. ``NUMBAD_CACHE_DIR``; default: the cache directory of the platform.
    debug : bool
        Verify the intermediate representation after each pass. ``NUMBAD_DEBUG``; default False.
    vector_math : bool
        Let LLVM vectorise ``exp``, ``log``, ``sin`` and the like in what is compiled from now on,
        where the machine has vector versions. ``NUMBAD_VECTOR_MATH``; default True.

    Examples
    --------
    >>> settings = Config({"NUMBAD_ENGINE": "compiled"})
    >>> settings.engine, settings.debug
    ('compiled', False)
    >>> with settings.override(engine="auto", debug=True):
    ...     settings.engine, settings.debug
    ('auto', True)
    >>> settings.engine
    'compiled'
    >>> settings.engine = "fast"
    Traceback (most recent call last):
        ...
    numbad.config.ConfigError: engine must be 'auto', 'compiled' or 'traced', not 'fast'
    """

    __slots__ = ("_cache_dir", "_debug", "_engine", "_vector_math")

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.engine = environment.get("NUMBAD_ENGINE") or "auto"
        self.cache_dir = Path(environment.get("NUMBAD_CACHE_DIR") or _platform_cache(environment))
        self.debug = _truth("NUMBAD_DEBUG", environment.get("NUMBAD_DEBUG", ""))
        vector_math = environment.get("NUMBAD_VECTOR_MATH", "1")
        self.vector_math = _truth("NUMBAD_VECTOR_MATH", vector_math)

    @property
    def engine(self) -> str:
        """The engine used where a call does not name one."""
        return self._engine

    @engine.setter
    def engine(self, value: str) -> None:
        self._engine = validated_engine(value)

    @property
    def cache_dir(self) -> Path:
        """The directory of generated files."""
        return self._cache_dir

    @cache_dir.setter
    def cache_dir(self, value: str | os.PathLike[str]) -> None:
        path = Path(value).expanduser()
        if path.exists() and not path.is_dir():
            raise ConfigError(f"cache_dir must be a directory, and {path} is not one")
        self._cache_dir = path.absolute()

    @property
    def debug(self) -> bool:
        """Whether the intermediate representation is verified after each pass."""
        return self._debug

    @debug.setter
    def debug(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise ConfigError(f"debug must be True or False, not {value!r}")
        self._debug = value

    def for_generated_code(self) -> tuple[tuple[str, Any], ...]:
        """Return the settings on which generated code depends, by name."""
        elsewhere = ("_engine", "_cache_dir", "_debug")
        return tuple(
            (name, getattr(self, name)) for name in self.__slots__ if name not in elsewhere
        )

    @property
    def vector_math(self) -> bool:
        """Whether elementary functions are called in the form that LLVM can vectorise."""
        return self._vector_math

    @vector_math.setter
    def vector_math(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise ConfigError(f"vector_math must be True or False, not {value!r}")
        self._vector_math = value

    @contextmanager
    def override(self, **settings: Any) -> Iterator[Config]:
        """Change settings for the length of a ``with`` block, in all threads.

        Parameters
        ----------
        **settings : Any
            New values by name. They are validated before any of them is changed.

        Yields
        ------
        Config
            This object.
        """
        names = [name.removeprefix("_") for name in self.__slots__]
        for name in settings:
            if name not in names:
                raise ConfigError(f"there is no setting {name!r}; there are {', '.join(names)}")
        before = {name: getattr(self, name) for name in settings}
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield self
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    def __repr__(self) -> str:
        return (
            f"Config(engine={self.engine!r}, cache_dir={self.cache_dir!s}, debug={self.debug}, "
            f"vector_math={self.vector_math})"
        )


def validated_engine(value: str) -> str:
    """The engine's name, if it is one.

    Parameters
    ----------
    value : str
        ``"auto"``, ``"compiled"`` or ``"traced"``.

    Returns
    -------
    str
        The same.
    """
    if value not in ENGINES:
        raise ConfigError(f"engine must be 'auto', 'compiled' or 'traced', not {value!r}")
    return value


def _truth(name: str, text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ConfigError(f"{name} must be one of {', '.join(_TRUE + _FALSE[1:])}, not {text!r}")


def _platform_cache(environment: Mapping[str, str]) -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "numbad"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "numbad"
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "numbad"


config = Config(os.environ)
