"""Providers of the channel voice."""
