"""Upper bounds of -log p(x): what is trained and reported."""
