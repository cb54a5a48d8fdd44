"""torchsharp-compat: proves, bit for bit, that a PyTorch model arrives in TorchSharp (.NET), and back.

ARCHITECTURE.md is the map: what each room is for and what it may import.
"""
