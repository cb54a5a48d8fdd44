"""What all rooms speak of: element types, tensors, comparison, verdicts. Imports nothing of ours."""
