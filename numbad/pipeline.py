"""The list of passes: from a Python function to a compiled derivative.

    build     function, argument trees      -> typed IR, parameters, result tree   (frontend)
    derive    IR                            -> IR of the derivative                (transform)
    emit      IR                            -> Python source                       (emit)
    load      source                        -> compiled function                   (emit, Numba)

``compile_function`` runs them and keeps every stage in one ``Compilation``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

from numbad.analysis.connection import connections
from numbad.analysis.memory import Memory
from numbad.analysis.regions import analyse as analyse_regions
from numbad.compilation import MATRIX_MODES, PART_MODES, SPARSE_MODES, Built, Compilation, Request
from numbad.config import config
from numbad.custom import declare
from numbad.emit.load import load_module
from numbad.emit.module import emit_module
from numbad.errors import NonScalarOutput, UnsupportedSyntax
from numbad.frontend.build import build, build_rule_body
from numbad.frontend.session import Session
from numbad.frontend.source import recorded
from numbad.ir import nodes as ir
from numbad.ir.types import Array, Scalar, is_complex, is_memory, tangent_type
from numbad.ir.verify import verify_program
from numbad.nesting.several import is_possible, jacobian_parts
from numbad.nesting.verbs import Nesting
from numbad.numba_bridge import compiler_lock, rare_collections
from numbad.store import fingerprint
from numbad.structure import (
    Existing,
    Leaf,
    Mapping_,
    Record,
    Sequence_,
    Static,
    Tree,
    leaves,
)
from numbad.transform import effects
from numbad.transform.ahead import compute_ahead
from numbad.transform.barriers import without_barriers
from numbad.transform.compressed import compressed_columns, compressed_rows
from numbad.transform.derivatives import Derivatives
from numbad.transform.directions import Chunks
from numbad.transform.downward import hide_counters
from numbad.transform.forward import forward
from numbad.transform.jacobian_columns import Matrices, jacobian_columns
from numbad.transform.jacobian_rows import jacobian_rows
from numbad.transform.matrices import (
    gradient_program,
    hessian_columns,
    hessian_product,
    hessian_rows,
)
from numbad.transform.pattern import pattern
from numbad.transform.products import accumulate_products
from numbad.transform.progress import with_progress
from numbad.transform.reverse import joint, reverse, split, without_unused_callees
from numbad.transform.simplify import simplify_program
from numbad.transform.sums import free_sums
from numbad.transform.unread import drop_unread_stores
from numbad.transform.versions import version_broadcasts
from numbad.transform.workspace import reuse_memory

derivatives = Derivatives(build_rule_body)


def compile_function(request: Request) -> Compilation:
    """Run all passes for a request."""
    with compiler_lock, rare_collections(), recorded() as codes:
        made = _compile(request)
        return replace(made, sources=tuple(codes.values()))


def _compile(request: Request) -> Compilation:
    session = DerivativeSession()
    built = build(request.function, request.args, dict(request.kwargs), session)
    built = built.with_program(_checked(simplify_program(built.program)))
    match request.mode:
        case "primal":
            return _finish(request, built, built.program)
        case "gradient" | "gradient with progress":
            return _gradient(request, built)
        case "tangent":
            return _tangent(request, built)
        case "pullback":
            return _pullback(request, built)
        case "jacobian columns" | "jacobian rows":
            return _jacobian(request, built)
        case mode if mode in PART_MODES:
            return _jacobian_parts(request, built)
        case "hessian product":
            return _hessian_product(request, built)
        case mode if mode in SPARSE_MODES:
            return _sparse(request, built)
        case mode:
            assert mode in MATRIX_MODES, f"no mode {mode}"
            return _hessian(request, built)


class DerivativeSession(Session):
    """A session of the front end that knows the public verbs and the user's rules."""

    def __init__(self) -> None:
        self.nesting = Nesting(derivatives)
        super().__init__(self.nesting.handlers())

    def special(self, fn: Any) -> Any:
        """Return the handler of a reusable derivative or of a function with a user's rule."""
        return self.nesting.special(fn)

    def identity_matters(self, fn: Any) -> bool:
        """Whether the user declared a derivative for a function of this code."""
        return declare.identity_matters(fn)


def _checked(program: ir.Program) -> ir.Program:
    if config.debug:
        verify_program(program)
    return program


def _name(built: Built, suffix: str) -> str:
    return f"{built.program.entry.name}_{suffix}"


def _differentiated(request: Request, built: Built) -> tuple[int, ...]:
    """Positions of the entry's parameters that belong to differentiated arguments."""
    found = []
    position = 0
    for parameter in built.parameters:
        first = parameter.path[0]
        chosen = first[0] == "arg" and first[1] in request.wrt
        for leaf in leaves(parameter.tree):
            is_chosen = chosen or position in request.live
            if is_chosen and tangent_type(leaf.type) is not None:
                found.append(position)
            position += 1
    return tuple(found)


def _written(function: ir.Function) -> tuple[int, ...]:
    regions = analyse_regions(function.body, function.params)
    memory = Memory(regions, function.params, function.results)
    return tuple(
        position
        for position, param in enumerate(function.params)
        if is_memory(param.type) and memory.of(param).writes
    )


def _paths(program: ir.Program, wrt: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[bool, ...]:
    return connections(program, wrt, outputs, derivatives.connected)


def _check_scalar_result(built: Built, verb: str = "gradient") -> None:
    """Check that the (first) result is a real number."""
    tree = built.result
    is_list = isinstance(tree, Sequence_) and tree.cls is list
    if isinstance(tree, Sequence_ | Mapping_ | Record) and tree.items and not is_list:
        tree = tree.items[0]
    type_ = tree.type if isinstance(tree, Leaf) else None
    if isinstance(type_, Scalar) and not is_complex(type_) and type_.name != "bool":
        return
    if isinstance(type_, Array) and type_.ndim == 0 and not is_complex(type_.dtype):
        return
    match tree:
        case Leaf():
            shown = str(type_)
        case Static(None):
            shown = "None"
        case Static(value):
            shown = f"a `{type(value).__name__}`"
        case Sequence_(_, cls) | Mapping_(_, _, cls) | Record(cls):
            shown = f"a `{cls.__name__}`"
        case Existing():
            shown = "one of its arguments"
        case _:
            assert_never(tree)
    raise NonScalarOutput(
        f"`{verb}` needs a real number from `{built.program.entry.name}`, which returns {shown}.",
        origin=built.program.entry.origin,
        why="Only a real scalar has a gradient.",
        remedy="Use `jacobian` for an array result, or `pullback` with a cotangent of its shape.",
    )


def _gradient(request: Request, built: Built) -> Compilation:
    _check_scalar_result(built)
    wrt = _differentiated(request, built)
    reversed_ = reverse(built.program, wrt, derivatives, seeded=(0,), fuse=True)
    function = reversed_.program.entry
    result = function.results[0]
    seed_type = tangent_type(result.type)
    seeds: tuple[ir.Operand | None, ...] | None = None
    if isinstance(seed_type, Scalar):
        one = ir.Const(1.0, seed_type)
        seeds = (one, *(None for _ in function.results[1:]))
    program = joint(reversed_, _name(built, "gradient"), seed_values=seeds)
    reporting = 0
    if request.mode == "gradient with progress":
        program, reporting = with_progress(program)
        # The thread that draws the bar has to run meanwhile.
        built = replace(built, options=built.options | {"nogil": True})
    return _finish(
        request,
        built,
        program,
        primal=len(function.results),
        reporting=reporting,
        differentiated=wrt,
        active=tuple(c is not None for c in reversed_.cotangents),
        connected=_paths(reversed_.program, wrt, (0,)),
        seeded=tuple(seed is not None for seed in reversed_.seeds),
    )


def _pullback(request: Request, built: Built) -> Compilation:
    wrt = _differentiated(request, built)
    every = tuple(range(built.result_count))
    reversed_ = reverse(built.program, wrt, derivatives, seeded=every, tape_purpose="user")
    facts: dict[str, Any] = {
        "differentiated": wrt,
        "active": tuple(c is not None for c in reversed_.cotangents),
        "connected": _paths(reversed_.program, wrt, every),
        "seeded": tuple(seed is not None for seed in reversed_.seeds),
    }
    parts = split(reversed_, _name(built, "pullback"))
    if parts is not None:
        forward_half, backward_half = parts
        backward = _finish(request, built, backward_half, primal=0)
        return _finish(request, built, forward_half, backward=backward, **facts)
    # Tapes of unknown length stay inside compiled code: the primal runs now, and each call of the
    # pullback runs both sweeps on a copy of the arguments as they were.
    if not effects.is_repeatable(built.program, derivatives):
        raise UnsupportedSyntax(
            f"`pullback` of `{built.program.entry.name}` would print or draw random numbers again.",
            origin=built.program.entry.origin,
            why="It has a loop of unknown length or recursion, so its pullback runs it again.",
            remedy="Use `gradient`, which runs it once, or draw the numbers outside.",
        )
    replayed = joint(reversed_, _name(built, "pullback"))
    count = len(reversed_.program.entry.results)
    replay = _finish(request, built, replayed, primal=count)
    return _finish(request, built, built.program, replay=replay, **facts)


def _tangent(request: Request, built: Built) -> Compilation:
    wrt = _differentiated(request, built)
    tangent = forward(built.program, wrt, derivatives, _name(built, "tangent"))
    every = tuple(range(built.result_count))
    return _finish(
        request,
        built,
        tangent.program,
        differentiated=wrt,
        active=tuple(True for _ in wrt),
        connected=_paths(built.program, wrt, every),
        seeded=tangent.varied,
    )


def _jacobian(request: Request, built: Built) -> Compilation:
    program = _with_array_result(built)
    wrt = _differentiated(request, built)
    chunks = _chunks(request, built)
    if request.mode == "jacobian columns":
        made = jacobian_columns(program, wrt, (0,), chunks, derivatives)
    else:
        made = jacobian_rows(program, wrt, 0, chunks, derivatives)
    return _finish(
        request,
        replace(built.with_program(program), result=_array_result(built)),
        made.program,
        differentiated=wrt,
        connected=_paths(program, wrt, (0,)),
        blocks=made.blocks,
        lanes=made.count,
    )


def _jacobian_parts(request: Request, built: Built) -> Compilation:
    wrt = _differentiated(request, built)
    program, mode = built.program, PART_MODES[request.mode]
    for leaf in leaves(built.result):
        element = leaf.type.dtype if isinstance(leaf.type, Array) else leaf.type
        if not isinstance(element, Scalar) or is_complex(element) or element.name == "bool":
            raise _no_rows(program, f"a part of type {leaf.type}")
    outs = tuple(range(built.result_count))
    if not is_possible(program, outs, mode):
        raise UnsupportedSyntax(
            f"`{program.entry.name}` returns arrays among several parts, whose rows "
            "`mode='reverse'` does not compile.",
            origin=program.entry.origin,
            why="The parts would be swept back one after the other.",
            remedy="Use mode='forward' or 'auto', or return one array.",
        )
    made, table = jacobian_parts(program, wrt, outs, _chunks(request, built), derivatives, mode)
    return _finish(
        request,
        built,
        made,
        differentiated=wrt,
        connected=_paths(program, wrt, outs),
        blocks=table,
        lanes=request.lanes,
    )


def _chunks(request: Request, built: Built) -> Chunks:
    name = _name(built, request.mode.replace(" ", "_"))
    return Chunks(name, request.lanes, frozenset(_written(built.program.entry)))


def _array_result(built: Built) -> Tree:
    """Tree of what a Jacobian is taken of: the result, or the first argument if that is None."""
    if built.result == Static(None) and built.parameters:
        return built.parameters[0].tree
    return built.result


def _with_array_result(built: Built) -> ir.Program:
    """Check that the result is a number or an array of real numbers.

    A function without a result that writes to its first argument has that as its result.
    """
    program, tree = built.program, _array_result(built)
    if tree is not built.result:
        if 0 not in _written(program.entry):
            tree = built.result
        else:
            entry = replace(
                program.entry, results=(program.entry.params[0], *program.entry.results)
            )
            program = replace(program, entry=entry)
    type_ = tree.type if isinstance(tree, Leaf) else None
    element = type_.dtype if isinstance(type_, Array) else type_
    if isinstance(element, Scalar) and not is_complex(element) and element.name != "bool":
        return program
    raise _no_rows(program, str(type_ if type_ is not None else type(tree).__name__))


def _no_rows(program: ir.Program, what: str) -> NonScalarOutput:
    return NonScalarOutput(
        f"`jacobian` needs a real number or array, or several, from `{program.entry.name}`, "
        f"which returns {what}.",
        origin=program.entry.origin,
        why="A matrix has one row per element of a real result.",
        remedy="Use `pullback` with a cotangent of its structure, or return one array.",
    )


def _hessian(request: Request, built: Built) -> Compilation:
    _check_scalar_result(built, "hessian")
    wrt = _differentiated(request, built)
    chunks = _chunks(request, built)
    gradient = gradient_program(built.program, wrt, derivatives, f"{chunks.name}_gradient")
    made = Matrices(gradient.program, ())
    if request.mode == "hessian rows" and gradient.wrt:
        made = hessian_rows(gradient, chunks, derivatives)
    elif gradient.wrt:
        is_diagonal = request.mode == "hessian diagonal"
        made = hessian_columns(gradient, chunks, derivatives, diagonal=is_diagonal)
    return _finish(
        request,
        built,
        made.program,
        differentiated=wrt,
        active=tuple(position in gradient.wrt for position in wrt),
        connected=_paths(built.program, wrt, (0,)),
        blocks=made.blocks,
        lanes=made.count,
    )


def _hessian_product(request: Request, built: Built) -> Compilation:
    _check_scalar_result(built, "hvp")
    wrt = _differentiated(request, built)
    name = _name(built, "hessian_product")
    gradient = gradient_program(built.program, wrt, derivatives, f"{name}_gradient")
    program, present = hessian_product(gradient, derivatives, name)
    return _finish(
        request,
        built,
        program,
        primal=0,
        differentiated=wrt,
        active=tuple(position in gradient.wrt for position in wrt),
        connected=_paths(built.program, wrt, (0,)),
        blocks=(present,),
    )


def _sparse(request: Request, built: Built) -> Compilation:
    """Compile column sets, or products with the columns or rows of each colour.

    Of the Jacobian of the result, or of the gradient.
    """
    chunks = _chunks(request, built)
    if request.mode.startswith("hessian"):
        _check_scalar_result(built, "hessian")
        asked = _differentiated(request, built)
        gradient = gradient_program(built.program, asked, derivatives, f"{chunks.name}_gradient")
        program, wrt = gradient.program, gradient.wrt
        out = gradient.count
    else:
        program, out = _with_array_result(built), 0
        asked = wrt = _differentiated(request, built)
        built = replace(built.with_program(program), result=_array_result(built))
    facts: dict[str, Any] = {
        "differentiated": asked,
        "active": tuple(position in wrt for position in asked),
    }
    if not wrt:
        return _finish(request, built, program, **facts)
    if request.mode.endswith("pattern"):
        made = pattern(program, wrt, (out,), derivatives, chunks.name)
    else:
        compressed = compressed_rows if request.mode == "row products" else compressed_columns
        made = compressed(program, wrt, out, chunks, derivatives)
    return _finish(request, built, made, **facts)


def _finish(
    request: Request,
    built: Built,
    program: ir.Program,
    *,
    primal: int | None = None,
    **facts: Any,
) -> Compilation:
    """Emit and load a program, of whose results the first ``primal`` (all) are the primal's."""
    program = _executable(_checked(program), primal)
    options = _options(built.options)
    emitted = emit_module(
        program,
        _title(request, built),
        options,
        extra=fingerprint.own_digest(),
        vector_math=config.vector_math,
    )
    entry = load_module(emitted, config.cache_dir)
    return Compilation(
        request,
        built,
        lambda: program,
        lambda: emitted,
        entry,
        written=_written(built.program.entry),
        repeatable=effects.is_repeatable(built.program, derivatives),
        **facts,
    )


def _executable(program: ir.Program, primal: int | None) -> ir.Program:
    """Leave out what only transforms need, and place products, sums and broadcasting loops.

    Left out are the derivatives that functions carry, what only these invoke, and barriers.
    """
    callees = {
        name: hide_counters(_placed(replace(callee, custom=None)))
        for name, callee in program.callees.items()
    }
    entry = _placed(program.entry)
    if primal is not None:
        entry = free_sums(entry, primal)
    entry = hide_counters(entry)
    return without_unused_callees(ir.Program(entry, callees))


def _placed(function: ir.Function) -> ir.Function:
    placed = version_broadcasts(accumulate_products(without_barriers(function)))
    placed = reuse_memory(drop_unread_stores(placed))
    return compute_ahead(placed) if config.vector_math else placed


_CARRIED_OPTIONS = ("fastmath", "error_model", "boundscheck", "nogil")


def _options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in _CARRIED_OPTIONS if options.get(name)}


def _title(request: Request, built: Built) -> str:
    origin = built.program.entry.origin
    place = f"{origin} " if origin is not None else ""
    types = ", ".join(str(tree.type) if isinstance(tree, Leaf) else "..." for tree in request.args)
    return f"{place}{built.program.entry.name}({types}), {request.mode}"
