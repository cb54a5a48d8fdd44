"""Model files of any origin: readers, writers, and the items that pass between them.

May import values, resources, codec, python_side.
"""
