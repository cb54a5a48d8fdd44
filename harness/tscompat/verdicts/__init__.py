"""The known divergences: which verdict they expect, for which versions, when they are stale.

May import values, resources, catalogue.
"""
