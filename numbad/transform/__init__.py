"""IR to IR: differentiation in both modes, scheduling of the reverse sweep, simplification."""
