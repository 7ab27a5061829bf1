"""What is kept on disk between processes, so that a known function starts without compiling.

``files`` reads and writes, ``fingerprint`` says what an object is in words that another process
understands, ``entries`` turns compilations into files and back.
"""
