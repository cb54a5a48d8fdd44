"""``python -m tscompat``."""

from tscompat.cli import main

if __name__ == "__main__":
    main()
