"""What a run found: results.json, and what is shown of it. Imports verdict and divergences.

``record`` is one verdict as it stands in the file, ``file`` writes and reads the file, everything else here reads
the file and nothing else. ``results.schema.json`` is the published JSON Schema.
"""
