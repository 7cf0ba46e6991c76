"""`beamside particles`: features of labelled particles, why they are damaged, how they evolve."""
