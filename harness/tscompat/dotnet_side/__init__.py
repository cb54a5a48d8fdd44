"""Builds the .NET project, starts peers, calls them, notices their death. May import values, resources, codec.

``process`` controls a peer from outside, ``inside`` runs in the peer. Only paths and small descriptions go over the
pipe between the two.
"""
