"""The types that all rooms share: element types, tensors, differences, verdicts. Imports nothing of ours."""
