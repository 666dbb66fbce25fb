"""`python -m config env > .env.example` and `python -m config table` write the settings' reference."""

import sys

from config.reference import env_example, markdown_table

if __name__ == "__main__":
    kinds = {"env": env_example, "table": markdown_table}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit("usage: python -m config env|table")
    print(kinds[sys.argv[1]](), end="")
