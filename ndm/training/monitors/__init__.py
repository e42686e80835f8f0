"""Monitors: metrics, validation and pictures while a model is trained."""
