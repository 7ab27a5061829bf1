"""The files of the cache directory: checked when read, replaced as a whole, swept now and then.

A file is written under another name and renamed, so that several processes may use the directory
at once and never see half a file. Its first line holds a checksum of the rest; a file that does not
match is deleted, and counts as missing after one warning. A directory that cannot be written to, or
that others could write to, is not used, also after one warning.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import threading
import time
import warnings
from pathlib import Path

from numbad.config import config

_MAGIC = b"numbad cache 1 "
_DAY = 86400.0
_OLDEST = 60 * _DAY
_LARGEST = 512 * 2**20

_warned: set[str] = set()
_lock = threading.Lock()


def warn_once(kind: str, text: str) -> None:
    """Warn, unless there was a warning of this kind before in this process."""
    with _lock:
        if kind in _warned:
            return
        _warned.add(kind)
    warnings.warn(f"{text} Calls work, but start slower.", RuntimeWarning, stacklevel=2)


def directory() -> Path | None:
    """Return the cache directory, created if need be; None if it must not or cannot be used."""
    path = config.cache_dir
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        warn_once("unwritable", f"Nothing can be kept in {path} ({error}).")
        return None
    if hasattr(os, "getuid") and (
        status.st_uid not in (os.getuid(), 0) or stat.S_IMODE(status.st_mode) & stat.S_IWOTH
    ):
        warn_once("public", f"Nothing is kept in {path}: other users may write to it.")
        return None
    return path


def read(name: str) -> bytes | None:
    """Return the contents of a file of the directory; None if there is none that is whole."""
    folder = directory()
    if folder is None:
        return None
    path = folder / name
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        warn_once("unreadable", f"{path} cannot be read ({error}).")
        return None
    head, _, data = whole.partition(b"\n")
    if head != _MAGIC + hashlib.sha256(data).hexdigest().encode():
        damaged(name, "its checksum is wrong")
        return None
    _touch(path)
    return data


def damaged(name: str, reason: str) -> None:
    """Delete a file that cannot be used."""
    path = config.cache_dir / name
    warn_once("damaged", f"The cache file {path} is damaged: {reason}. It is made again.")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        warn_once("unwritable", f"{path} cannot be deleted ({error}).")


def write(name: str, data: bytes) -> None:
    """Write a file of the directory."""
    folder = directory()
    if folder is None:
        return
    head = _MAGIC + hashlib.sha256(data).hexdigest().encode() + b"\n"
    try:
        replace(folder / name, head + data)
        _sweep(folder)
    except OSError as error:
        warn_once("unwritable", f"Nothing can be kept in {folder} ({error}).")


def replace(path: Path, data: bytes) -> None:
    """Write a file under another name and rename it."""
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _touch(path: Path) -> None:
    """Note that a file is in use, once a day."""
    try:
        if time.time() - path.stat().st_mtime > _DAY:
            os.utime(path)
    except OSError:
        pass


def _sweep(folder: Path) -> None:
    """Once a day, delete files not used for long, and the oldest ones beyond the largest total."""
    marker = folder / "swept"
    now = time.time()
    try:
        if now - marker.stat().st_mtime < _DAY:
            return
    except FileNotFoundError:
        pass
    marker.touch()
    found: list[tuple[float, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file() and entry.name.startswith(("numbad_", "entry_", "code_")):
                status = entry.stat()
                found.append((status.st_mtime, status.st_size, entry.path))
    total = 0
    for used, size, path in sorted(found, reverse=True):
        total += size
        if now - used > _OLDEST or total > _LARGEST:
            Path(path).unlink(missing_ok=True)
