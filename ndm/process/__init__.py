"""The mathematics of the process, as values without parameters."""
