"""What runs in the peer's own process: numpy, pythonnet and our codec, never torch. May import codec, bits."""
