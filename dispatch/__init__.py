"""Takes what waits in the outbox, hands it to providers and records what became of it."""
