"""`python -m storage`: see `storage.cli`."""

from storage.cli import main

if __name__ == "__main__":
    main()
