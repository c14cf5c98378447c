"""Decides the next screen. Pure: no I/O, no clock, no randomness, no ``async``."""
