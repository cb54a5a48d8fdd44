"""The known divergences: which verdicts they expect, for which versions, and when they are stale.

May import values, resources, catalogue.
"""
