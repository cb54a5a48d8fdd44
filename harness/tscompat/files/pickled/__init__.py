"""Reads pickles without running anything: what a pickle builds is described, and never built.

``machine`` runs the opcodes. Classes and functions that it does not know become ``inert`` records; those of ``calls``
become plain values or descriptions of tensors (``described``), whose elements are read when a writer asks for them.
Imports of files: item. May import values.
"""
