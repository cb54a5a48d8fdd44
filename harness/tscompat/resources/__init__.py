"""The repository's own files and documents held to schemas; files that are written whole or not at all.

Imports nothing of ours.
"""
