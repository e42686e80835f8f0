"""What a model is made of: a folder for each axis, a file for each choice."""
