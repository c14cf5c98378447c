"""Providers of the channel email."""
