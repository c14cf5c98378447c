"""The REST API for businesses that send and verify."""
