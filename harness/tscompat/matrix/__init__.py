"""The matrix: one parametrised test, an item a verdict, run with pytest and xdist.

May import routes, verdict, divergences, results and what stands left of them.

``plugin`` is the run's controller (run folder, results.json, exit code), ``workbench`` a worker's half.
"""
