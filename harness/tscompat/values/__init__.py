"""The one currency: element types, tensors, comparison, verdicts. Imports nothing of ours."""
