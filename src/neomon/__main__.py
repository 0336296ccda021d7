"""`python -m neomon`: the same as the `neomon` command."""

from neomon.cli import main

main()
