"""Networks: an event and a time in, events out."""
