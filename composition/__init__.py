"""The composition root: builds every object once and wires what ``server.py`` runs."""
