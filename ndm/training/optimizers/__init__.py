"""Optimisers, one file each, and the learning rate over the course of training."""
