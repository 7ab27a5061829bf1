"""Minimum cut of a directed graph with real capacities (Dinic's algorithm, 1970).

Guarantees: ``source_side`` is the set of nodes reachable from the source in the residual graph of
a maximum flow, the side of a minimum cut that is closest to the source. Infinite capacities are
allowed as long as some finite cut exists.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

INFINITE = float("inf")
_EPSILON = 1e-9


class Network:
    """A flow network that is built edge by edge and then cut once."""

    def __init__(self) -> None:
        self._index: dict[Hashable, int] = {}
        self._adjacent: list[list[int]] = []
        self._head: list[int] = []
        self._capacity: list[float] = []

    def _node(self, node: Hashable) -> int:
        if node not in self._index:
            self._index[node] = len(self._adjacent)
            self._adjacent.append([])
        return self._index[node]

    def edge(self, tail: Hashable, head: Hashable, capacity: float) -> None:
        """Add an edge."""
        tail_index, head_index = self._node(tail), self._node(head)
        self._adjacent[tail_index].append(len(self._head))
        self._head.append(head_index)
        self._capacity.append(capacity)
        self._adjacent[head_index].append(len(self._head))
        self._head.append(tail_index)
        self._capacity.append(0.0)

    def source_side(self, source: Hashable, sink: Hashable) -> set[Hashable]:
        """Return the nodes on the source's side of a minimum cut."""
        start, end = self._node(source), self._node(sink)
        while True:
            level = self._levels(start)
            if level[end] < 0:
                return {node for node, index in self._index.items() if level[index] >= 0}
            self._augment(start, end, level)

    def _levels(self, start: int) -> list[int]:
        level = [-1] * len(self._adjacent)
        level[start] = 0
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for edge in self._adjacent[node]:
                head = self._head[edge]
                if self._capacity[edge] > _EPSILON and level[head] < 0:
                    level[head] = level[node] + 1
                    queue.append(head)
        return level

    def _augment(self, start: int, end: int, level: list[int]) -> None:
        """Send a blocking flow along shortest paths, depth first, without recursion."""
        progress = [0] * len(self._adjacent)
        path: list[int] = []
        node = start
        while True:
            if node == end:
                amount = min(self._capacity[edge] for edge in path)
                if amount == INFINITE:
                    raise ValueError("no finite cut: a value can neither be kept nor recomputed")
                for edge in path:
                    self._capacity[edge] -= amount
                    self._capacity[edge ^ 1] += amount
                path.clear()
                node = start
                continue
            advanced = False
            while progress[node] < len(self._adjacent[node]):
                edge = self._adjacent[node][progress[node]]
                head = self._head[edge]
                if self._capacity[edge] > _EPSILON and level[head] == level[node] + 1:
                    path.append(edge)
                    node = head
                    advanced = True
                    break
                progress[node] += 1
            if advanced:
                continue
            if not path:
                return
            edge = path.pop()
            node = self._head[edge ^ 1]
            progress[node] += 1
