"""Providers of the chat channels whose bots speak Telegram's Bot API: telegram and bale."""
