"""Data of the Hugging Face hub, whole and streamed."""
