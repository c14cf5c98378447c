"""Measures speed beside a floor of the same run; ``python -m bench`` runs all, ``python -m bench NAME`` one."""
