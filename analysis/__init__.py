"""What it means: arrays in, labelled arrays out; no sockets, files, clocks or processes."""
