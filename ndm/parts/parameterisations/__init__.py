"""What the outputs of a denoising network mean."""
