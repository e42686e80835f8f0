"""The parts of `ndm benchmark throughput`."""
