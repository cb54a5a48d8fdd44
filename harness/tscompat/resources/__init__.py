"""Finds the repository's folders, reads documents and checks them against schemas, writes files whole or not at all.

Imports nothing of ours.
"""
