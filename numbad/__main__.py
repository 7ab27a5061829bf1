"""The command line: ``python -m numbad demo [lotka|wave] [--output FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        The words after the program's name; those of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="numbad", description="Automatic differentiation of Numba code."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="run a demonstration (needs numbad[demo])")
    demo.add_argument("name", nargs="?", choices=["lotka", "wave"], help="default: both")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), help="folder of plots")
    options = parser.parse_args(arguments)

    from numbad.demo import lotka_volterra, wave

    demos = {"lotka": lotka_volterra.main, "wave": wave.main}
    for name in [options.name] if options.name else demos:
        demos[name](options.output)


if __name__ == "__main__":
    main()
