"""``python -m farmhand``."""

from farmhand.cli import main

main()
