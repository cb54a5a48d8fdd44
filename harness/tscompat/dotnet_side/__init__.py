"""The .NET side: build it, start it, talk to it, notice that it died. May import values, resources, codec.

``process`` is the outside of a peer, ``inside`` runs in it; over the pipe go paths and small descriptions.
"""
