"""One file for each vendor, under its channel."""
