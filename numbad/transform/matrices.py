"""Programs for Hessians and their products: derivatives of the gradient's program."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numbad.ir import nodes as ir
from numbad.ir import visit
from numbad.ir.build import BlockBuilder, Fresh
from numbad.ir.types import Array, Scalar, tangent_type
from numbad.transform import arith
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks
from numbad.transform.forward import forward
from numbad.transform.jacobian_columns import Matrices, jacobian_columns
from numbad.transform.jacobian_rows import jacobian_rows
from numbad.transform.reverse import joint, reverse
from numbad.transform.simplify import simplify_program


@dataclass(frozen=True)
class Gradient:
    """A program that returns the primal's results and then the gradients by ``wrt``.

    ``wrt`` are the positions of the parameters among those asked for that have a gradient.
    """

    program: ir.Program
    wrt: tuple[int, ...]
    count: int

    def outs(self) -> tuple[int, ...]:
        """Return the positions of the gradients among the results."""
        return tuple(range(self.count, self.count + len(self.wrt)))


def gradient_program(
    program: ir.Program, wrt: tuple[int, ...], derivatives: Derivatives, name: str
) -> Gradient:
    """Return the gradient of the first result, a real number."""
    reversed_ = reverse(program, wrt, derivatives, seeded=(0,), fuse=True)
    function = reversed_.program.entry
    active = tuple(
        position
        for position, cotangent in zip(wrt, reversed_.cotangents, strict=True)
        if cotangent is not None
    )
    type_ = tangent_type(function.results[0].type)
    count = len(function.results)
    if isinstance(type_, Scalar):
        seeds = (ir.Const(1.0, type_), *(None for _ in function.results[1:]))
        return Gradient(joint(reversed_, name, seed_values=seeds), active, count)
    made = joint(reversed_, name)
    return Gradient(replace(made, entry=_seeded(made.entry, len(function.params))), active, count)


def _seeded(function: ir.Function, given: int) -> ir.Function:
    """Fill in the seeds of a 0-d array result."""
    out = BlockBuilder(Fresh(visit.first_free_id(function)))
    out.origin = function.origin
    seeds = []
    for param in function.params[given:]:
        assert isinstance(param.type, Array) and isinstance(param.type.dtype, Scalar)
        one = replace(arith.zero(param.type.dtype), value=1.0)
        seeds.append(out.let(param.type, ir.Alloc((), one)))
    body, results = visit.inline(function, (*function.params[:given], *seeds), out.fresh)
    whole = out.block() + body
    return replace(function, params=function.params[:given], body=whole, results=results)


def hessian_columns(
    gradient: Gradient, chunks: Chunks, derivatives: Derivatives, *, diagonal: bool = False
) -> Matrices:
    """Return the Hessian by forward mode over the gradient; with ``diagonal`` its diagonal."""
    program, outs = gradient.program, gradient.outs()
    return jacobian_columns(program, gradient.wrt, outs, chunks, derivatives, diagonal=diagonal)


def hessian_rows(gradient: Gradient, chunks: Chunks, derivatives: Derivatives) -> Matrices:
    """Return the Hessian by reverse mode over the gradient with respect to one parameter."""
    return jacobian_rows(gradient.program, gradient.wrt, gradient.count, chunks, derivatives)


def hessian_product(
    gradient: Gradient, derivatives: Derivatives, name: str
) -> tuple[ir.Program, tuple[bool, ...]]:
    """Return the program for the gradient's derivative along one direction.

    Its entry takes a direction for each parameter of ``gradient.wrt`` as well; it returns the
    products that are not zero; and which these are.
    """
    tangent = forward(gradient.program, gradient.wrt, derivatives, name)
    entry = tangent.program.entry
    results = len(gradient.program.entry.results)
    dots = iter(range(results, len(entry.results)))
    places = [next(dots) if varied else None for varied in tangent.varied]
    kept = [places[position] for position in gradient.outs()]
    products = tuple(entry.results[place] for place in kept if place is not None)
    entry = replace(entry, results=products)
    made = simplify_program(replace(tangent.program, entry=entry))
    return made, tuple(place is not None for place in kept)
