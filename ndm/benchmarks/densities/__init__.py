"""Densities of points, ours and those of other libraries: trained for equal time, judged on the same examples."""
