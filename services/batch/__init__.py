"""`beamside batch`: files -> frames -> results that survive a kill -> tables, NeXus file, report.

A technique (see `technique`) says what is analysed, which tables and pictures come out of it; the
engine walks folders, keeps results, runs workers and goes on where it stopped.
"""
