"""A run as it lies on the disk: whole, checked, locked, opened."""
