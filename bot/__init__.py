"""Chat channels (Telegram, Bale, web chat, inbound SMS), one file each, shaped like those in ``ussd/``."""
