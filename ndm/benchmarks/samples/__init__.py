"""Pieces of `ndm benchmark sampling`: the quality of samples against the evaluations that they take."""
