"""Training a version on from what people said about its decisions and its reasons."""
