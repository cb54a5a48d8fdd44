"""What a run found: results.json, and what is shown of it. May import values, resources, verdicts.

``record`` is one verdict as it stands in the file, ``environment`` what it was found in, ``file`` writes and reads the
file, ``schema`` derives the published JSON Schema from these three, everything else reads the file and nothing else.
"""
