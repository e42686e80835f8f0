"""Time grids: the times that a sampler visits."""
