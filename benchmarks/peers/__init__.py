"""Models and networks of other libraries, under our interfaces: what ours are compared with."""
