"""A phone and a chat to try everything with, on a page and in the terminal, and what the system sends."""

from sandbox.network import answers
from sandbox.page import routes
from sandbox.talking import chat
from sandbox.terminal import dial

__all__ = ["answers", "chat", "dial", "routes"]
