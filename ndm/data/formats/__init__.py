"""Readers of users' files: images, arrays, tables."""
