"""Evidence on whether a map points at what the network uses, not at what pleases the eye."""
