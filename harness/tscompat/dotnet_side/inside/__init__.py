"""What runs in the peer: numpy, pythonnet and our codec, never torch. May import values, resources, codec."""
