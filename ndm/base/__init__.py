"""Foundations without mathematics: errors, parts that remember their arguments, files, seeds, processes."""
