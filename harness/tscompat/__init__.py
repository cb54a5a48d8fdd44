"""torchsharp-compat: proves, bit for bit, that a model which leaves Python arrives in .NET, and the other way round.

ARCHITECTURE.md is the map: what each room is for and what it may import.
"""
