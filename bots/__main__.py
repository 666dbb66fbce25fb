"""`python -m bots` runs the service."""

import sys

from bots.app import main

if __name__ == "__main__":  # the engine's processes import this module again
    sys.exit(main(sys.argv[1:]))
