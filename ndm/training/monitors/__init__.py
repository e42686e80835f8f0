"""What is watched and written while a model is trained."""
