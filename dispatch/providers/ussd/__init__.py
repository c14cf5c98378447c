"""Providers of the channel ussd: screens that nobody dialled for."""
