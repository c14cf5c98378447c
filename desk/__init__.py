"""A desk in the terminal, at which an operator answers people until there is a page for it."""

from desk.keyboard import Keyboard, Piped, Terminal, keyboard
from desk.shift import Shift
from desk.words import Words

__all__ = ["Keyboard", "Piped", "Shift", "Terminal", "Words", "keyboard"]
