"""The deterministic process: codes, densities and energies along it."""
