"""``python -m tscompat``. May import cli."""

from tscompat.cli import main

if __name__ == "__main__":
    main()
