"""The matrix: one parametrised test, an item a verdict, run with pytest and xdist.

May import every room left of it.

``controller`` is the run's first process (run folder, results.json, exit code), ``worker`` a worker's half.
"""
