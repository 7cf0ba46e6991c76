"""What was learned: networks, weights, training, phantoms. Imports nothing of ours."""
