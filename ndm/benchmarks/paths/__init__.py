"""What `ndm benchmark straightening` does: its jobs, and the picture of their paths."""
