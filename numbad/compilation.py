"""What a compilation is: the request, what the front end made of it, and the compiled derivative.

These are the records that calls work with. They import no pass, so that a derivative that is known
from an earlier process is called without loading the front end and the transforms. The programs of
the intermediate representation and the generated text are made when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING, Any

from numbad.ir.origin import Origin
from numbad.ir.types import Type
from numbad.paths import Dependency, Parameter, Path, Update
from numbad.structure import Tree, leaves

if TYPE_CHECKING:
    from numbad.emit.emitted import Emitted
    from numbad.ir import nodes as ir


@dataclass(frozen=True)
class Request:
    """What is compiled: a function for argument trees, in one mode.

    ``mode`` is ``"primal"``, ``"gradient"``, ``"gradient with progress"``, ``"pullback"``,
    ``"tangent"`` or one of ``MATRIX_MODES`` and ``SPARSE_MODES``; ``wrt`` lists the positions of
    the positional arguments that are differentiated, ``live`` those of the entry's parameters that
    are besides; ``lanes`` is how many directions a sweep of these modes carries.
    """

    function: Callable[..., Any]
    args: tuple[Tree, ...]
    kwargs: tuple[tuple[str, Tree], ...]
    mode: str
    wrt: tuple[int, ...]
    lanes: int = 1
    live: tuple[int, ...] = ()


SPARSE_MODES = ("pattern", "hessian pattern", "products", "row products", "hessian products")
PART_MODES = {
    "jacobian parts": "auto",
    "jacobian parts by columns": "forward",
    "jacobian parts by rows": "reverse",
}
MATRIX_MODES = (
    "jacobian columns",
    "jacobian rows",
    *PART_MODES,
    "hessian columns",
    "hessian rows",
    "hessian diagonal",
    "hessian product",
)


@dataclass(frozen=True, slots=True)
class Interface:
    """A function as its callers see it: its name, its parameters' names, its results' types."""

    name: str
    parameters: tuple[str, ...]
    results: tuple[Type, ...]
    origin: Origin | None


def interface_of(program: ir.Program) -> Interface:
    """Return the interface of a program's entry."""
    entry = program.entry
    return Interface(
        entry.name,
        tuple(param.name for param in entry.params),
        tuple(result.type for result in entry.results),
        entry.origin,
    )


@dataclass(frozen=True, eq=False)
class Built:
    """A program and how it is called.

    Attributes
    ----------
    source : callable
        Returns the program. Its entry takes the leaves of ``parameters`` and returns those of
        ``result``, in order, and then those of ``updates``.
    interface : Interface
        That of the entry.
    parameters : tuple of Parameter
        The positional arguments, the keyword arguments, then live values.
    result : Tree
        Structure of the returned value.
    dependencies : tuple of Dependency
        What must be found unchanged at each call.
    options : dict
        Options of the user's dispatcher (``fastmath``, ``error_model`` ...).
    updates : tuple of Update
        What the program leaves in lists, dicts, objects and variables of the caller.
    objects : tuple of pairs
        If there are updates: path and identity of the live objects that the program reads.
    """

    source: Callable[[], ir.Program]
    interface: Interface
    parameters: tuple[Parameter, ...]
    result: Tree
    dependencies: tuple[Dependency, ...]
    options: dict[str, Any]
    updates: tuple[Update, ...] = ()
    objects: tuple[tuple[Path, int], ...] = ()

    @cached_property
    def result_count(self) -> int:
        """Number of the entry's results that belong to the returned value."""
        return sum(1 for _ in leaves(self.result))

    @cached_property
    def program(self) -> ir.Program:
        """The program."""
        return self.source()

    def with_program(self, program: ir.Program) -> Built:
        """Return the same with another program of the same meaning."""
        return replace(self, source=lambda: program, interface=interface_of(program))


@dataclass(frozen=True, eq=False)
class Compilation:
    """Every stage of one compilation.

    Attributes
    ----------
    built
        The front end's result: IR of the primal, parameters, structure of the result.
    derived
        Returns the IR of what was asked for.
    printed
        Returns its source.
    entry
        The compiled function, over flat leaves.
    differentiated
        Positions of the entry's parameters that carry tangents or cotangents.
    active, connected
        For each differentiated parameter: whether there is a path with a slope; whether there is
        a path at all, if only with slope zero.
    seeded
        For each result, whether it carries a tangent or cotangent.
    written
        Positions of the entry's array parameters that it writes to.
    backward, replay
        Of a pullback: its second half; or, where it cannot be taken apart, both sweeps.
    blocks
        Of a matrix mode: for each differentiated result and each parameter at ``differentiated``,
        whether the entry returns a matrix for them, behind its other results.
    lanes
        Of a matrix mode: how many directions a sweep carries; fewer than asked for where the
        program cannot carry several.
    repeatable
        Whether the primal can run twice without printing or drawing random numbers again.
    reporting
        Number of loops that report progress.
    sources
        The code objects of all functions whose source it was made from.
    """

    request: Request
    built: Built
    derived: Callable[[], ir.Program]
    printed: Callable[[], Emitted]
    entry: Callable[..., Any]
    differentiated: tuple[int, ...] = ()
    active: tuple[bool, ...] = ()
    connected: tuple[bool, ...] = ()
    seeded: tuple[bool, ...] = ()
    written: tuple[int, ...] = ()
    backward: Compilation | None = None
    replay: Compilation | None = None
    blocks: tuple[tuple[bool, ...], ...] = ()
    lanes: int = 1
    repeatable: bool = True
    reporting: int = 0
    sources: tuple[CodeType, ...] = ()

    @cached_property
    def program(self) -> ir.Program:
        """IR of what was asked for."""
        return self.derived()

    @cached_property
    def emitted(self) -> Emitted:
        """Its source."""
        return self.printed()
