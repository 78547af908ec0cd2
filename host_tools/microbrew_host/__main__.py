"""``python -m microbrew_host`` is ``microbrew``."""

from microbrew_host.cli import main

main()
