"""A phone to try everything with, on a page and in the terminal, and all that the system sends beside it."""

from sandbox.network import answers
from sandbox.page import routes
from sandbox.terminal import dial

__all__ = ["answers", "dial", "routes"]
