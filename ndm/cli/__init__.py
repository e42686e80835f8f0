"""The commands of the command line, one file each: a dataclass of arguments with `run()`."""
