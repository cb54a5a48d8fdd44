"""Python's side, which uses torch: tensors, optimizers, models, upstream's scripts. Never imported in a peer.

May import values, codec, catalogue.
"""
