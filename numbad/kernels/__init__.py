"""Run-time library of generated code on the CPU. Knows nothing of the IR."""
