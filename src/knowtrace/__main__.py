"""`python -m knowtrace` is the `knowtrace` command."""

from knowtrace.cli import main

main()
