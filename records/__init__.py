"""All that is remembered: tables, encryption, sessions, group commit."""
