"""Libraries written as if automatic differentiation did not exist."""
