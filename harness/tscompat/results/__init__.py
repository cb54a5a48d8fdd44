"""What a run found: results.json, and what is shown of it. May import values, resources, verdicts.

``record`` has the form of one verdict in the file, ``environment`` the form of what it was found in; ``file`` writes
and reads the file; ``schema`` derives the published JSON Schema from these three. All other modules show records.
"""
