"""What every room stands on and no paper mentions: errors, parts, files, seeds, processes."""
