"""Machine code shared by all generated functions: work memory and the slow paths of stacks.

It is written in LLVM's language and compiled once per process, when this module is imported;
generated code refers to its functions by name, also when Numba loads it from its on-disk cache.

Work memory (``numbad_take``, ``numbad_give``) is like ``malloc`` and ``free``, except that up to 16
large blocks are kept when they are given back. Operating systems hand out large blocks as untouched
pages, and touching them costs as much as the arithmetic of a tape-heavy loop. A block belongs to
one taker at a time and the table of kept blocks is changed by atomic exchanges only, so calls may
come from several threads and may nest. The bytes kept are bounded by a limit.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
from numba.core import runtime as numba_runtime

_SOURCE = r"""
@slots = internal global [16 x i64] zeroinitializer
@held = internal global i64 0
@limit = internal global i64 268435456
@turn = internal global i64 0

declare noalias ptr @numbad_allocate(i64)
declare void @numbad_free(ptr)
declare ptr @numbad_manage(ptr, ptr)
declare void @numbad_release(ptr)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; A block is preceded by its size (8 bytes before) and the address to free (16 bytes before).

define i64 @numbad_block_size(i64 %block) {
  %at = sub i64 %block, 8
  %p = inttoptr i64 %at to ptr
  %size = load i64, ptr %p
  ret i64 %size
}

define void @numbad_block_free(i64 %block) {
  %at = sub i64 %block, 16
  %p = inttoptr i64 %at to ptr
  %raw = load ptr, ptr %p
  call void @numbad_free(ptr %raw)
  ret void
}

define noalias ptr @numbad_take(i64 %size) {
entry:
  %small = icmp ult i64 %size, 65536
  br i1 %small, label %fresh, label %search
search:
  %i = phi i64 [ 0, %entry ], [ %next, %continue ]
  %slot = getelementptr [16 x i64], ptr @slots, i64 0, i64 %i
  %seen = load atomic i64, ptr %slot monotonic, align 8
  %vacant = icmp eq i64 %seen, 0
  br i1 %vacant, label %continue, label %grab
grab:
  %block = atomicrmw xchg ptr %slot, i64 0 acq_rel
  %lost = icmp eq i64 %block, 0
  br i1 %lost, label %continue, label %measure
measure:
  %capacity = call i64 @numbad_block_size(i64 %block)
  %fits = icmp uge i64 %capacity, %size
  %half = lshr i64 %capacity, 1
  %tight = icmp ule i64 %half, %size
  %good = and i1 %fits, %tight
  br i1 %good, label %reuse, label %restore
reuse:
  %d0 = atomicrmw sub ptr @held, i64 %capacity monotonic
  %found = inttoptr i64 %block to ptr
  ret ptr %found
restore:
  %pair = cmpxchg ptr %slot, i64 0, i64 %block acq_rel monotonic
  %restored = extractvalue { i64, i1 } %pair, 1
  br i1 %restored, label %continue, label %drop
drop:
  %d1 = atomicrmw sub ptr @held, i64 %capacity monotonic
  call void @numbad_block_free(i64 %block)
  br label %continue
continue:
  %next = add i64 %i, 1
  %end = icmp eq i64 %next, 16
  br i1 %end, label %fresh, label %search
fresh:
  %huge = icmp ugt i64 %size, 9223372036854775680
  br i1 %huge, label %fail, label %allocate
allocate:
  %total = add i64 %size, 128
  %raw = call ptr @numbad_allocate(i64 %total)
  %null = icmp eq ptr %raw, null
  br i1 %null, label %fail, label %align
align:
  %address = ptrtoint ptr %raw to i64
  %shifted = add i64 %address, 79
  %data = and i64 %shifted, -64
  %size_at = sub i64 %data, 8
  %size_p = inttoptr i64 %size_at to ptr
  store i64 %size, ptr %size_p
  %raw_at = sub i64 %data, 16
  %raw_p = inttoptr i64 %raw_at to ptr
  store ptr %raw, ptr %raw_p
  %result = inttoptr i64 %data to ptr
  ret ptr %result
fail:
  ret ptr null
}

define void @numbad_give(ptr %p) {
entry:
  %block = ptrtoint ptr %p to i64
  %size = call i64 @numbad_block_size(i64 %block)
  %small = icmp ult i64 %size, 65536
  br i1 %small, label %free, label %count
count:
  %before = atomicrmw add ptr @held, i64 %size monotonic
  %after = add i64 %before, %size
  %max = load atomic i64, ptr @limit monotonic, align 8
  %over = icmp ugt i64 %after, %max
  br i1 %over, label %uncount, label %search
uncount:
  %d0 = atomicrmw sub ptr @held, i64 %size monotonic
  br label %free
search:
  %i = phi i64 [ 0, %count ], [ %next, %continue ]
  %slot = getelementptr [16 x i64], ptr @slots, i64 0, i64 %i
  %pair = cmpxchg ptr %slot, i64 0, i64 %block acq_rel monotonic
  %kept = extractvalue { i64, i1 } %pair, 1
  br i1 %kept, label %done, label %continue
continue:
  %next = add i64 %i, 1
  %end = icmp eq i64 %next, 16
  br i1 %end, label %replace, label %search
replace:
  %t = atomicrmw add ptr @turn, i64 1 monotonic
  %k = and i64 %t, 15
  %victim_slot = getelementptr [16 x i64], ptr @slots, i64 0, i64 %k
  %victim = atomicrmw xchg ptr %victim_slot, i64 %block acq_rel
  %none = icmp eq i64 %victim, 0
  br i1 %none, label %done, label %evict
evict:
  %victim_size = call i64 @numbad_block_size(i64 %victim)
  %d1 = atomicrmw sub ptr @held, i64 %victim_size monotonic
  call void @numbad_block_free(i64 %victim)
  br label %done
free:
  call void @numbad_block_free(i64 %block)
  br label %done
done:
  ret void
}

; Memory of a new array, cleared if %zeroed; its reference-counted owner is stored at %owner.
define noalias ptr @numbad_array(i64 %size, i1 zeroext %zeroed, ptr %owner) {
entry:
  %data = call ptr @numbad_take(i64 %size)
  %null = icmp eq ptr %data, null
  br i1 %null, label %done, label %own
own:
  %manager = call ptr @numbad_manage(ptr %data, ptr @numbad_give)
  store ptr %manager, ptr %owner
  br i1 %zeroed, label %clear, label %done
clear:
  call void @llvm.memset.p0.i64(ptr align 64 %data, i8 0, i64 %size, i1 false)
  br label %done
done:
  ret ptr %data
}

define void @numbad_empty_pool() {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %continue ]
  %slot = getelementptr [16 x i64], ptr @slots, i64 0, i64 %i
  %block = atomicrmw xchg ptr %slot, i64 0 acq_rel
  %vacant = icmp eq i64 %block, 0
  br i1 %vacant, label %continue, label %drop
drop:
  %size = call i64 @numbad_block_size(i64 %block)
  %d = atomicrmw sub ptr @held, i64 %size monotonic
  call void @numbad_block_free(i64 %block)
  br label %continue
continue:
  %next = add i64 %i, 1
  %end = icmp eq i64 %next, 16
  br i1 %end, label %done, label %loop
done:
  ret void
}

define i64 @numbad_pool_held() {
  %n = load atomic i64, ptr @held monotonic, align 8
  ret i64 %n
}

define void @numbad_set_pool_limit(i64 %n) {
  store atomic i64 %n, ptr @limit monotonic, align 8
  ret void
}

; How far a sweep is: number of the loop, iterations done, iterations in all.
@progress = internal global [3 x i64] zeroinitializer

define void @numbad_progress(i64 %loop, i64 %done, i64 %total) {
  %p1 = getelementptr [3 x i64], ptr @progress, i64 0, i64 1
  %p2 = getelementptr [3 x i64], ptr @progress, i64 0, i64 2
  store atomic i64 %loop, ptr @progress monotonic, align 8
  store atomic i64 %done, ptr %p1 monotonic, align 8
  store atomic i64 %total, ptr %p2 monotonic, align 8
  ret void
}

define i64 @numbad_progress_state(i64 %which) {
  %p = getelementptr [3 x i64], ptr @progress, i64 0, i64 %which
  %n = load atomic i64, ptr %p monotonic, align 8
  ret i64 %n
}

; A stack: bytes used in the current chunk, its capacity, data and owner; the level of the current
; chunk, the number of chunks; for each chunk data, owner, capacity and bytes used when it was left.
%chunk = type { ptr, ptr, i64, i64 }
%stack = type { i64, i64, ptr, ptr, i64, i64, [64 x %chunk] }

define void @numbad_stack_enter(ptr %s, i64 %level, i64 %used) {
  %top_p = getelementptr %stack, ptr %s, i64 0, i32 0
  %capacity_p = getelementptr %stack, ptr %s, i64 0, i32 1
  %data_p = getelementptr %stack, ptr %s, i64 0, i32 2
  %owner_p = getelementptr %stack, ptr %s, i64 0, i32 3
  %level_p = getelementptr %stack, ptr %s, i64 0, i32 4
  %c = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %level
  %c_owner = getelementptr %chunk, ptr %c, i64 0, i32 1
  %c_capacity = getelementptr %chunk, ptr %c, i64 0, i32 2
  %data = load ptr, ptr %c
  %owner = load ptr, ptr %c_owner
  %capacity = load i64, ptr %c_capacity
  store i64 %used, ptr %top_p
  store i64 %capacity, ptr %capacity_p
  store ptr %data, ptr %data_p
  store ptr %owner, ptr %owner_p
  store i64 %level, ptr %level_p
  ret void
}

define void @numbad_stack_cut(ptr %s, i64 %from) {
entry:
  %levels_p = getelementptr %stack, ptr %s, i64 0, i32 5
  %levels = load i64, ptr %levels_p
  br label %head
head:
  %i = phi i64 [ %from, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %levels
  br i1 %more, label %body, label %done
body:
  %c_owner = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %i, i32 1
  %owner = load ptr, ptr %c_owner
  call void @numbad_release(ptr %owner)
  %next = add i64 %i, 1
  br label %head
done:
  store i64 %from, ptr %levels_p
  ret void
}

define void @numbad_stack_free(ptr %s, i64 %size, ptr %info) {
  call void @numbad_stack_cut(ptr %s, i64 0)
  ret void
}

define void @numbad_stack_init(ptr %s) {
  store %stack zeroinitializer, ptr %s
  %level_p = getelementptr %stack, ptr %s, i64 0, i32 4
  store i64 -1, ptr %level_p
  ret void
}

; Make room for %bytes more; 0 if that worked.
define i32 @numbad_stack_grow(ptr %s, i64 %bytes) {
entry:
  %top = load i64, ptr %s
  %level_p = getelementptr %stack, ptr %s, i64 0, i32 4
  %level = load i64, ptr %level_p
  %first = icmp slt i64 %level, 0
  br i1 %first, label %choose, label %leave
leave:
  %saved_p = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %level, i32 3
  store i64 %top, ptr %saved_p
  %last_p = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %level, i32 2
  %last = load i64, ptr %last_p
  br label %choose
choose:
  %previous = phi i64 [ 32768, %entry ], [ %last, %leave ]
  %next = add i64 %level, 1
  %levels_p = getelementptr %stack, ptr %s, i64 0, i32 5
  %levels = load i64, ptr %levels_p
  %exists = icmp slt i64 %next, %levels
  br i1 %exists, label %inspect, label %create
inspect:
  %there_p = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %next, i32 2
  %there = load i64, ptr %there_p
  %enough = icmp uge i64 %there, %bytes
  br i1 %enough, label %enter, label %create
create:
  call void @numbad_stack_cut(ptr %s, i64 %next)
  %twice = shl i64 %previous, 1
  %more = icmp ugt i64 %bytes, %twice
  %capacity = select i1 %more, i64 %bytes, i64 %twice
  %full = icmp sge i64 %next, 64
  br i1 %full, label %fail, label %take
take:
  %data = call ptr @numbad_take(i64 %capacity)
  %null = icmp eq ptr %data, null
  br i1 %null, label %fail, label %own
own:
  %owner = call ptr @numbad_manage(ptr %data, ptr @numbad_give)
  %c = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %next
  %c_owner = getelementptr %chunk, ptr %c, i64 0, i32 1
  %c_capacity = getelementptr %chunk, ptr %c, i64 0, i32 2
  store ptr %data, ptr %c
  store ptr %owner, ptr %c_owner
  store i64 %capacity, ptr %c_capacity
  %count = add i64 %next, 1
  store i64 %count, ptr %levels_p
  br label %enter
enter:
  call void @numbad_stack_enter(ptr %s, i64 %next, i64 0)
  ret i32 0
fail:
  ret i32 1
}

; Go back to the chunk before, which must hold %bytes; 0 if it does.
define i32 @numbad_stack_shrink(ptr %s, i64 %bytes) {
entry:
  %top = load i64, ptr %s
  %level_p = getelementptr %stack, ptr %s, i64 0, i32 4
  %level = load i64, ptr %level_p
  %lowest = icmp sle i64 %level, 0
  %rest = icmp ne i64 %top, 0
  %wrong = or i1 %lowest, %rest
  br i1 %wrong, label %fail, label %back
back:
  %previous = sub i64 %level, 1
  %saved_p = getelementptr %stack, ptr %s, i64 0, i32 6, i64 %previous, i32 3
  %used = load i64, ptr %saved_p
  call void @numbad_stack_enter(ptr %s, i64 %previous, i64 %used)
  %short = icmp ult i64 %used, %bytes
  br i1 %short, label %fail, label %done
done:
  ret i32 0
fail:
  ret i32 1
}
"""

_SYMBOLS = (
    "numbad_array",
    "numbad_progress",
    "numbad_stack_init",
    "numbad_stack_grow",
    "numbad_stack_shrink",
    "numbad_stack_free",
)

STACK_BYTES = 48 + 64 * 32


def _numba_functions() -> dict[str, int]:
    """Addresses of the functions of Numba's run-time library that are used here."""
    helpers = import_module(f"{numba_runtime.__name__}._nrt_python").c_helpers
    get_api = ctypes.PYFUNCTYPE(ctypes.c_void_p)(helpers["get_api"])
    table = ctypes.cast(get_api(), ctypes.POINTER(ctypes.c_void_p))
    manage, release = table[2], table[4]
    assert manage is not None
    assert release is not None
    return {
        "numbad_allocate": helpers["Allocate"],
        "numbad_free": helpers["Free"],
        "numbad_manage": manage,
        "numbad_release": release,
    }


def _compile() -> Any:
    """Compile the module and make its functions known to Numba's linker."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(_SOURCE)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0)
    engine = llvm.create_mcjit_compiler(module, machine)
    for name, address in _numba_functions().items():
        engine.add_global_mapping(module.get_function(name), address)
        llvm.add_symbol(name, address)
    engine.finalize_object()
    for name in _SYMBOLS:
        llvm.add_symbol(name, engine.get_function_address(name))
    return engine


_engine = _compile()


def call(name: str, result: Any, *arguments: Any) -> Any:
    """Call a function of the module from Python; all arguments are integers."""
    kinds = [ctypes.c_int64] * len(arguments)
    return ctypes.CFUNCTYPE(result, *kinds)(_engine.get_function_address(name))(*arguments)
