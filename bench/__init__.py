"""Measures speed beside a floor of the same run; ``python -m bench`` runs all, ``python -m bench NAME`` one.

Each measurement is one file with ``measure(effort)``, which yields ``Figure``s. What they stand on: ``load``
(people on the phone), ``floor`` (the least that the parts cost), ``product`` (the real server in a process of
its own), ``stores`` (a real PostgreSQL and Redis), ``machine`` (processors, and who else used them).
"""
