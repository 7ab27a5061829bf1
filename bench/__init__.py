"""Benchmarks of numbad against Numba primals, hand-written adjoints and other libraries."""
