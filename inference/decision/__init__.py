"""How a decision comes about: units that contributed at every stage of the pass, and what flows between them."""
