"""Parts of a model: a folder for each axis, a file for each choice."""
