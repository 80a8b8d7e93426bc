"""`python -m stack` is `bff`."""

from stack.cli import main

main(prog_name="bff")
