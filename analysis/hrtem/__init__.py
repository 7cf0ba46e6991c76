"""HRTEM: which crystal phases are where.

Imports nothing: every process of the service asks for the library of phases, and the mapper with
its scipy costs each a second of CPU at the start. The analysis itself is `mapper.PhaseMapper`.
"""
