"""Second floor: the cached PyTorch layer. The web process reaches it through `inference.client` only."""
