"""Demonstrations: programs as a Numba user writes them, fitted to data with numbad's gradients.

Run them with ``python -m numbad demo``. They need the extra ``numbad[demo]``.
"""
