"""Models of other libraries, one file each, under the same interface: what ours are compared with."""
