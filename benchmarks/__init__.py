"""Studies whose figures the docs quote, beside the package: `python -m benchmarks NAME`, a file or folder for each."""
