"""The traced engine: differentiates by running Python functions on traced values.

``engine`` has the derivatives, ``interface`` what other parts of numbad need to take part in a
trace. ``levels`` says whether one is going on, and is quick to import.
"""
