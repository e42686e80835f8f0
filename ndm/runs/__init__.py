"""Runs on the disk: written whole, checked, locked, opened."""
