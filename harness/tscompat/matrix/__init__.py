"""The matrix: one parametrised test, an item for each verdict, run with pytest and xdist.

May import every room above it in ARCHITECTURE.md's table.

``beginning`` builds .NET and makes the run folder. ``controller`` works in the run's first process: it writes
results.json and sets the exit code. ``worker`` decides the verdicts of one process.
"""
