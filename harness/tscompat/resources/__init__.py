"""The repository's own files: where they lie, how documents are read and held to schemas. Imports nothing of ours."""
