"""`python -m wattkeep` is `wattkeep`."""

from wattkeep.cli import main

if __name__ == "__main__":
    main()
