"""Which values may refer to the same memory, and when that memory is written.

Every array, list and stack belongs to an alias class: views belong to the class of what they view,
carried and merged references unify the classes that meet. Distinct parameters are distinct classes
(the call checks that written arguments do not overlap others). The classes are flow-insensitive.

``Memory.overwritten_after`` answers the question of the backward sweep: may the memory that is read
at some point of the forward sweep have been written again before the forward sweep ends?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from numbad.analysis.regions import Region, Regions
from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.types import is_memory


@dataclass(eq=False)
class Access:
    """A write to memory: the region and position of the statement."""

    region: Region
    position: int
    statement: ir.Stmt


@dataclass(eq=False)
class AliasClass:
    """Memory that may be shared by several references."""

    members: list[ir.Var] = field(default_factory=list)
    writes: list[Access] = field(default_factory=list)
    joined: bool = False
    external: bool = False
    home: Region | None = None


class Memory:
    """Alias classes of a function body.

    Views in ``apart`` count as memory of their own: nothing is written to theirs by another name.
    """

    def __init__(
        self,
        regions: Regions,
        params: Iterable[ir.Var],
        results: Iterable[ir.Operand],
        apart: Iterable[ir.Var] = (),
    ) -> None:
        self._apart = frozenset(apart)
        self._parent: dict[ir.Var, ir.Var] = {}
        self._joined: set[ir.Var] = set()
        self._regions = regions
        self._accesses: list[tuple[ir.Var, Access]] = []
        external = [var for var in params if is_memory(var.type)]
        for var in external:
            self._find(var)
        self._collect(regions.root)
        external += [r for r in results if isinstance(r, ir.Var) and is_memory(r.type)]
        self._classes: dict[ir.Var, AliasClass] = {}
        for var in list(self._parent):
            found = self._classes.setdefault(self._find(var), AliasClass())
            found.members.append(var)
        for var in self._joined:
            self.of(var).joined = True
        for var, access in self._accesses:
            self.of(var).writes.append(access)
        for var in external:
            self.of(var).external = True
        for found in self._classes.values():
            found.home = _common_region([regions.region_of[var] for var in found.members])

    def of(self, var: ir.Var) -> AliasClass:
        """Return the alias class of a reference to memory."""
        return self._classes[self._find(var)]

    def knows(self, var: ir.Var) -> bool:
        """Whether the reference occurs in the analysed body."""
        return var in self._parent

    def classes(self) -> list[AliasClass]:
        """Return all alias classes."""
        return list(self._classes.values())

    def overwritten_after(self, var: ir.Var, region: Region, position: int) -> bool:
        """Whether memory of ``var`` may be written after the statement at the place has read it."""
        found = self.of(var)
        assert found.home is not None
        return any(_may_follow(access, region, position, found.home) for access in found.writes)

    def overwritten_between(self, var: ir.Var, region: Region, first: int, last: int) -> bool:
        """Whether statements ``first < i < last`` of a region may write to memory of ``var``.

        Nested statements count.
        """
        return any(
            first < place < last
            for access in self.of(var).writes
            if not self.is_elsewhere(access, var)
            and (place := _position_in(access.region, access.position, region)) is not None
        )

    def touched(self, statement: ir.Stmt) -> set[AliasClass]:
        """Return the memory that a statement, its regions included, may read or write."""
        found: set[AliasClass] = set()
        for inner in visit.walk((statement,)):
            match inner:
                case ir.Let(
                    _, ir.Shape() | ir.Subview() | ir.Transpose() | ir.Component() | ir.Reshape()
                ):
                    continue
                case _:
                    found |= {
                        self.of(operand)
                        for operand in visit.operands(inner) + visit.region_results(inner)
                        if isinstance(operand, ir.Var)
                        and is_memory(operand.type)
                        and self.knows(operand)
                    }
        return found

    def is_elsewhere(self, access: Access, var: ir.Var) -> bool:
        """Whether a store certainly goes to other memory than a reference known beside it."""
        match access.statement:
            case ir.Store(array) | ir.Accumulate(array):
                return self.are_distinct(array, var)
            case _:
                return False

    def may_follow(self, access: Access, var: ir.Var, region: Region, position: int) -> bool:
        """Whether a write to the memory of ``var`` may run after the place has run."""
        home = self.of(var).home
        assert home is not None
        return _may_follow(access, region, position, home)

    def are_distinct(self, first: ir.Var, second: ir.Var) -> bool:
        """Whether two references certainly refer to memory that does not overlap.

        Two allocations do not overlap, nor do the buffers that a loop only swaps or rotates.
        """
        first, second = self.chain(first)[-1], self.chain(second)[-1]
        if first == second:
            return False
        if self.of(first) is not self.of(second):
            return True
        if self._is_allocated(first) and self._is_allocated(second):
            return True
        statement = self._regions.definition.get(first)
        if statement is None or statement is not self._regions.definition.get(second):
            return False
        if not isinstance(statement, ir.For | ir.While):
            return False
        carried = [item for item in statement.carried if is_memory(item.inner.type)]
        inners = {item.inner for item in carried}
        if not all(item.next in inners for item in carried):
            return False
        if len({item.next for item in carried}) != len(carried):
            return False
        inits = [item.init for item in carried if isinstance(item.init, ir.Var)]
        return len(inits) == len(carried) and all(
            self.are_distinct(one, other)
            for number, one in enumerate(inits)
            for other in inits[number + 1 :]
        )

    def chain(self, var: ir.Var) -> list[ir.Var]:
        """Return a reference, then what it is a view of, and what that is a view of, ..."""
        found = [var]
        while True:
            match self._regions.definition.get(found[-1]):
                case ir.Let(
                    _,
                    ir.Subview(array)
                    | ir.Transpose(array)
                    | ir.Component(array)
                    | ir.Reshape(array),
                ):
                    found.append(array)
                case _:
                    return found

    def _is_allocated(self, var: ir.Var) -> bool:
        statement = self._regions.definition.get(var)
        return isinstance(statement, ir.Let) and isinstance(statement.expr, ir.Alloc)

    # --- construction ---------------------------------------------------------------------

    def _find(self, var: ir.Var) -> ir.Var:
        self._parent.setdefault(var, var)
        root = var
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[var] != root:
            self._parent[var], var = root, self._parent[var]
        return root

    def _unify(self, first: ir.Operand, second: ir.Operand) -> None:
        if isinstance(first, ir.Var) and isinstance(second, ir.Var):
            self._parent[self._find(first)] = self._find(second)

    def _join(self, phi: ir.Var, *sources: ir.Operand) -> None:
        if is_memory(phi.type):
            self._find(phi)
            self._joined.add(phi)
            for source in sources:
                self._unify(phi, source)

    def _collect(self, region: Region) -> None:
        for position, statement in enumerate(region.block):
            access = Access(region, position, statement)
            match statement:
                case ir.Let(target, expr):
                    self._definition(target, expr, access)
                case ir.Store(array) | ir.Accumulate(array):
                    self._accesses.append((array, access))
                    self._item(array, statement.value)
                case ir.Append(array, value):
                    self._accesses.append((array, access))
                    self._item(array, value)
                case ir.For(carried=carried) | ir.While(carried=carried):
                    for item in carried:
                        self._join(item.inner, item.init, item.next)
                        self._join(item.result, item.inner)
                case ir.If(merges=merges):
                    for merge in merges:
                        self._join(merge.result, merge.if_true, merge.if_false)
                case _:
                    pass
        for child in region.children.values():
            self._collect(child)

    def _item(self, container: ir.Var, item: ir.Operand) -> None:
        """A reference stored in a list shares the list's class."""
        if isinstance(item, ir.Var) and is_memory(item.type):
            self._joined.add(container)
            self._unify(container, item)

    def _definition(self, target: ir.Var, expr: ir.Expr, access: Access) -> None:
        if is_memory(target.type):
            self._find(target)
        match expr:
            case ir.Subview(array) | ir.Transpose(array) | ir.Component(array) | ir.Reshape(array):
                if target not in self._apart:
                    self._unify(target, array)
            case ir.Load(array) | ir.Pop(array):
                if is_memory(target.type):
                    self._joined.add(target)
                    self._unify(target, array)
                if isinstance(expr, ir.Pop):
                    self._accesses.append((array, access))
            case ir.Reserve(stack) | ir.Release(stack):
                self._unify(target, stack)
                self._joined.add(target)
                self._accesses.append((stack, access))
            case ir.Select(_, if_true, if_false):
                self._join(target, if_true, if_false)
            case ir.Cast(value) if is_memory(target.type):
                self._unify(target, value)
            case ir.Invoke(_, args, None):
                memories = [v for v in args if isinstance(v, ir.Var) and is_memory(v.type)]
                for memory in memories:
                    self._find(memory)
                    self._accesses.append((memory, access))
                    if is_memory(target.type):
                        self._joined.add(target)
                        self._unify(target, memory)
            case ir.TupleItem(value, position):
                if is_memory(target.type):
                    self._joined.add(target)
                    self._call_result(target, value, position)
            case _:
                pass

    def _call_result(self, target: ir.Var, source: ir.Operand, position: int) -> None:
        """Memory that comes out of an invoked function may be any of its arguments."""
        if not isinstance(source, ir.Var):
            return
        match self._regions.definition.get(source):
            case ir.Let(_, ir.Invoke(_, args, None)):
                for argument in args:
                    if isinstance(argument, ir.Var) and is_memory(argument.type):
                        self._unify(target, argument)
            case ir.Let(_, ir.MakeTuple(items)):
                self._unify(target, items[position])
            case _:
                pass


def _common_region(found: list[Region]) -> Region:
    chains = [list(reversed(region.ancestors())) for region in found]
    common = chains[0][0]
    for level in zip(*chains, strict=False):
        if any(region is not level[0] for region in level):
            break
        common = level[0]
    return common


def _position_in(region: Region, position: int, ancestor: Region) -> int | None:
    """Return the position in ``ancestor`` of the statement that contains the place, if any."""
    current: Region | None = region
    while current is not None:
        if current is ancestor:
            return position
        position = current.position
        current = current.parent
    return None


def _may_follow(access: Access, region: Region, position: int, home: Region) -> bool:
    """Whether the access may run after the place has run, on the same instance of the memory."""
    common = _common_region([region, access.region])
    looping = common
    while looping is not home and not looping.is_joint and looping.parent is not None:
        if isinstance(looping.owner, ir.For | ir.While):
            return True
        looping = looping.parent
    if any(inner.is_joint for inner in region.ancestors()[: region.ancestors().index(common)]):
        return False
    read_place = _position_in(region, position, common)
    write_place = _position_in(access.region, access.position, common)
    assert read_place is not None and write_place is not None
    if read_place == write_place:
        return isinstance(common.block[read_place], ir.While)
    return write_place > read_place
