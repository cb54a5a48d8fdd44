"""Torch, met here: tensors, optimizers, models, upstream's scripts. Never imported in a peer.

May import values, codec, catalogue.
"""
