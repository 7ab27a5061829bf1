"""What lists of run-time length do, as Python functions that are walked like the user's."""

from __future__ import annotations

from typing import Any

import numpy as np


def insert(items: Any, position: Any, value: Any) -> None:
    """``items.insert(position, value)``."""
    n = len(items)
    if position < 0:
        position = max(position + n, 0)
    position = min(position, n)
    items.append(value)
    for k in range(n, position, -1):
        items[k] = items[k - 1]
    items[position] = value


def pop(items: Any, position: Any) -> Any:
    """``items.pop(position)``."""
    n = len(items)
    if position < 0:
        position += n
    if position < 0 or position >= n:
        raise IndexError("pop index out of range")
    found = items[position]
    for k in range(position, n - 1):
        items[k] = items[k + 1]
    items.pop()
    return found


def clear(items: Any) -> None:
    """``items.clear()``."""
    for _ in range(len(items)):
        items.pop()


def reverse(items: Any) -> None:
    """``items.reverse()``."""
    n = len(items)
    for k in range(n // 2):
        items[k], items[n - 1 - k] = items[n - 1 - k], items[k]


def sort(items: Any, down: Any) -> None:
    """``items.sort()``."""
    ordered = np.sort(np.array(items))
    n = len(items)
    for k in range(n):
        items[k] = ordered[n - 1 - k] if down else ordered[k]


def sort_by(items: Any, keys: Any, down: Any) -> None:
    """``items.sort(key=...)`` where ``keys`` are the numbers that decide: stable."""
    copies = np.array(items)
    order = np.argsort(-np.array(keys) if down else np.array(keys), kind="mergesort")
    for k in range(len(items)):
        items[k] = copies[order[k]]


def index(items: Any, value: Any) -> Any:
    """``items.index(value)``."""
    for k in range(len(items)):
        if items[k] == value:
            return k
    raise ValueError("the value is not in the list")


def count(items: Any, value: Any) -> Any:
    """``items.count(value)``."""
    found = 0
    for item in items:
        if item == value:
            found += 1
    return found
