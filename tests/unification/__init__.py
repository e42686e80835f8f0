"""Known models are special cases: each recipe against the formulas of its paper, in the paper's own symbols.

A model is made by its recipe, as `ndm train DATA --recipe NAME` makes it, with random weights. What the paper says is
written out beside it, and shares nothing with it but the networks.
"""
