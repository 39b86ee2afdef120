"""What a network looks for: images made so that they excite a part of it, and how its units answer to a dataset.

`keys` and `summary` are light, for the web process; the other modules are for workers.
"""
