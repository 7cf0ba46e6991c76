"""beamside: streaming analysis beside the beam.

The map of the house (arrows of import point down only):

    services   what runs          processes: wiring and life cycle
    analysis   what it means      arrays in, labelled arrays out
    models     what was learned   networks, weights, phantoms
    stream     what travels       bytes, sockets, files
"""

__version__ = "0.1.0"
