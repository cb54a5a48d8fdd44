"""The .NET side: build it, start it, talk to it, notice that it died. May import dtypes, tensors, codec, bits, paths.

``process`` is the outside of a peer, ``inside`` is what runs in it; over the pipe go paths and small descriptions.
"""
