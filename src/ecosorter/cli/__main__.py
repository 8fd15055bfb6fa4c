"""`python -m ecosorter.cli`: the same as the `ecosorter` command."""

from ecosorter.cli.app import main

main()
