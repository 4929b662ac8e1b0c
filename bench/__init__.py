"""Measurements of the registry's budgets: ``make bench``.

Each module in ``bench.measurements`` says what it compares with what, and why that is fair, and
has a function ``measurements()``. Run some of them with ``python -m bench benchmark outbox``.
"""
