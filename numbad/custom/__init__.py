"""Derivatives that the user declares: how they are declared, and what calls become.

``declare`` has the public functions and the table of declarations. ``calls`` handles the calls of
functions with a declaration in the front end: ``inputs`` matches their arguments, ``parts`` walks
the function and its rule, ``shapes`` relates cotangents to values, ``barrier`` keeps derivatives
from passing functions that change arrays.
"""
