"""Comparisons of ways to model the same data: a plan of trainings, the processes that run it, and what they show."""
