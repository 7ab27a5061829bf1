"""The passes by which Numba compiles generated functions: its own, without those that have no work.

Generated functions contain no closures, no array expressions and no branches on constants, and a
name has one type. So the passes that look for these are left out, and with them the repeated
analyses of the lifetimes of variables, whose cost grows with the product of the numbers of blocks
and variables: they take most of the time that Numba needs for a function of a thousand lines.
Static single assignment is left to LLVM. The reference counts of the variables that have some are
placed by an analysis of these variables alone.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import ir, typed_passes, types, untyped_passes
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, PassManager, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.rewrites import rewrite_registry
from numba.core.transforms import canonicalize_cfg
from numba.cpython.builtins import do_minmax
from numba.extending import intrinsic

from numbad.kernels.loops import downward, irange
from numbad.numba_bridge import rare_collections


@register_pass(mutates_CFG=True, analysis_only=False)
class Prepare(FunctionPass):  # type: ignore[misc]
    """Bring the control flow into Numba's normal form and find constant indices and exponents.

    Loops over ``range`` become loops over ``irange``, which takes a tenth off the time that a
    function with many loops needs, and the lesser and the greater of two numbers are found without
    a function of Numba's, which would have to be compiled first.
    """

    _name = "numbad_prepare"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Change the function in place."""
        function = state.func_ir
        function.blocks = canonicalize_cfg(function.blocks)
        function.generator_info = None
        replace_builtins(function.blocks)
        for rewrite_class in rewrite_registry.rewrites["before-inference"]:
            rewrite = rewrite_class(state)
            for label in list(function.blocks):
                while rewrite.match(
                    function, function.blocks[label], state.typemap, state.calltypes
                ):
                    function.blocks[label] = rewrite.apply()
        return True


def replace_builtins(blocks: dict[int, Any]) -> None:
    """Put functions that are lowered at less cost in the place of others.

    These are ``range``, ``irange`` in steps of -1, and ``min`` and ``max`` of two numbers.
    """
    for block in blocks.values():
        named = {each.target.name: each for each in block.find_insts(ir.Assign)}
        for call in block.find_exprs("call"):
            source = named.get(call.func.name)
            if source is None or not isinstance(source.value, ir.Global) or call.kws:
                continue
            chosen = source.value.value
            if chosen is range:
                chosen = irange
            if chosen is irange and len(call.args) == 3 and _is_minus_one(named, call.args[2]):
                chosen = downward
                call.args = call.args[:2]
            elif chosen in (min, max) and len(call.args) == 2 and call.vararg is None:
                chosen = lesser if chosen is min else greater
            if chosen is not source.value.value:
                source.value = ir.Global(chosen.__name__, chosen, source.value.loc)


def _is_minus_one(named: dict[str, Any], var: Any) -> bool:
    found = named.get(var.name)
    return found is not None and isinstance(found.value, ir.Const) and found.value.value == -1


def _of_two(compare: Any, name: str) -> Any:
    def typer(context: Any, first: Any, second: Any) -> Any:
        if not all(isinstance(each, types.Number | types.Boolean) for each in (first, second)):
            return None
        result = context.unify_types(first, second)
        if result is None:
            return None

        def lower(target: Any, builder: Any, signature: Any, args: Any) -> Any:
            return do_minmax(target, builder, signature.args, args, compare)

        return result(first, second), lower

    typer.__name__ = typer.__qualname__ = name
    return intrinsic(typer)


lesser = _of_two(operator.lt, "lesser")
greater = _of_two(operator.gt, "greater")


@register_pass(mutates_CFG=True, analysis_only=False)
class InferTypes(typed_passes.NopythonTypeInference):  # type: ignore[misc]
    """Numba's type inference, which asks for the type of each sum and product of numbers once."""

    _name = "numbad_infer_types"

    def run_pass(self, state: Any) -> bool:
        """Infer the types."""
        with remembered_types(state.typingctx):
            return bool(super().run_pass(state))


@contextmanager
def remembered_types(context: Any) -> Iterator[None]:
    """Let a typing context remember the signatures of functions of numbers in a block."""
    before = vars(context).get("resolve_function_type")
    resolve = context.resolve_function_type
    known: dict[Any, Any] = {}

    def remembering(function: Any, args: Any, kws: Any) -> Any:
        is_plain = isinstance(function, types.Function) and not kws
        if not is_plain or not all(isinstance(arg, types.Number | types.Boolean) for arg in args):
            return resolve(function, args, kws)
        key = (function, tuple(args))
        if key not in known:
            known[key] = resolve(function, args, kws)
        return known[key]

    context.resolve_function_type = remembering
    try:
        yield
    finally:
        del context.resolve_function_type
        if before is not None:
            context.resolve_function_type = before


@register_pass(mutates_CFG=False, analysis_only=False)
class InsertDeletions(AnalysisPass):  # type: ignore[misc]
    """Delete the variables that own memory where they are used last."""

    _name = "numbad_insert_deletions"

    def __init__(self) -> None:
        AnalysisPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Insert the ``Del`` statements."""
        models = state.targetctx.data_model_manager
        names = [
            name for name, type_ in state.typemap.items() if models[type_].contains_nrt_meminfo()
        ]
        if names:
            insert_deletions(state.func_ir.blocks, names)
        return True


def insert_deletions(blocks: dict[int, Any], names: list[str]) -> None:
    """Insert deletions of the named variables, at their last uses and where paths join."""
    bit = {name: 1 << number for number, name in enumerate(names)}
    graph = compute_cfg_from_blocks(blocks)
    live_in = _live_at_entry(blocks, graph, bit)
    for label, block in blocks.items():
        live_out = _union(live_in, (target for target, _ in graph.successors(label)))
        body = [block.body[-1]]
        live = live_out | _used(block.body[-1], bit)
        for statement in reversed(block.body[:-1]):
            touched = _used(statement, bit)
            for name in _names(touched & ~live, names):
                body.append(ir.Del(name, loc=statement.loc))
            body.append(statement)
            live = (live & ~_assigned(statement, bit)) | _read(statement, bit)
        arriving = 0
        for source, _ in graph.predecessors(label):
            arriving |= _union(live_in, (target for target, _ in graph.successors(source)))
        for name in _names(arriving & ~live_in[label], names):
            body.append(ir.Del(name, loc=block.body[0].loc))
        body.reverse()
        block.body = body


def _live_at_entry(blocks: dict[int, Any], graph: Any, bit: dict[str, int]) -> dict[int, int]:
    """Return the variables that are read before they are assigned, from each block on."""
    first_reads: dict[int, int] = {}
    kept: dict[int, int] = {}
    for label, block in blocks.items():
        read, assigned = 0, 0
        for statement in block.body:
            read |= _read(statement, bit) & ~assigned
            assigned |= _assigned(statement, bit)
        first_reads[label], kept[label] = read, ~assigned
    live = dict(first_reads)
    order = [label for label in reversed(graph.topo_order()) if label in blocks]
    changed = True
    while changed:
        changed = False
        for label in order:
            below = _union(live, (target for target, _ in graph.successors(label)))
            found = first_reads[label] | (below & kept[label])
            if found != live[label]:
                live[label] = found
                changed = True
    return live


def _union(live: dict[int, int], labels: Iterator[int]) -> int:
    result = 0
    for label in labels:
        result |= live[label]
    return result


def _names(mask: int, names: list[str]) -> list[str]:
    return [name for number, name in enumerate(names) if mask >> number & 1] if mask else []


def _assigned(statement: Any, bit: dict[str, int]) -> int:
    return bit.get(statement.target.name, 0) if isinstance(statement, ir.Assign) else 0


def _read(statement: Any, bit: dict[str, int]) -> int:
    source = statement.value if isinstance(statement, ir.Assign) else statement
    if isinstance(source, ir.Var):
        return bit.get(source.name, 0)
    return _used(source, bit) if isinstance(source, ir.Inst) else 0


def _used(statement: Any, bit: dict[str, int]) -> int:
    mask = 0
    for var in statement.list_vars():
        mask |= bit.get(var.name, 0)
    return mask


class GeneratedCode(CompilerBase):  # type: ignore[misc]
    """The compiler of generated functions."""

    def define_pipelines(self) -> list[Any]:
        """Return the list of passes."""
        self.state.type_annotation = None
        passes = PassManager("numbad")
        for each, what in (
            (untyped_passes.TranslateByteCode, "read the bytecode"),
            (untyped_passes.FixupArgs, "arguments"),
            (Prepare, "normal form"),
            (untyped_passes.RewriteDynamicRaises, "exceptions"),
            (InferTypes, "types"),
            (typed_passes.InlineOverloads, "overloads that have to be inlined"),
            (typed_passes.NoPythonSupportedFeatureValidation, "features"),
            (InsertDeletions, "reference counts"),
            (typed_passes.NativeLowering, "LLVM"),
            (typed_passes.NoPythonBackend, "result"),
        ):
            passes.add_pass(each, what)
        passes.finalize()
        return [passes]

    def _compile_core(self) -> Any:
        with rare_collections():
            return super()._compile_core()


def compile_shortly(function: Any) -> None:
    """Let a dispatcher of a generated function use these passes (nothing to do without the JIT)."""
    if isinstance(function, Dispatcher) and not function.targetoptions.get("parallel"):
        function._compiler.pipeline_class = GeneratedCode
