"""Forward derivatives in time that can be trained through."""
