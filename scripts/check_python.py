"""Says in plain words what a machine lacks before anything is installed. Runs on any Python 3."""

import sys

PACKAGES = "sudo apt-get install python3 python3-venv make"


def main():  # noqa: ANN201 - runs on any Python 3
    """Exit with one line unless this Python can make the environment."""
    if sys.version_info < (3, 11):  # noqa: UP036 - that is the question
        sys.exit(
            "Wattkeep needs Python 3.11 or newer; this is {}.{}. "
            "With another one installed: make PYTHON=python3.12 ...".format(*sys.version_info)
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit("This Python cannot make virtual environments. On Debian or Ubuntu: " + PACKAGES)


main()
