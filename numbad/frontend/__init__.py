"""The front end: from a Python callable to typed structured SSA.

``callables`` finds the Python function behind whatever can be called, ``source`` finds its syntax
tree, ``normalize`` rewrites the tree into structured control flow, and the builder walks the result
to make IR.
"""
