"""The newcomer's page: a phone to try everything with, and all that the system sends beside it."""
