"""The intermediate representation: structured SSA with explicit, ordered memory operations."""
