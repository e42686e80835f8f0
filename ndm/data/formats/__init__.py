"""Files of users as examples: images, arrays, tables."""
