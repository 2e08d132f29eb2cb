"""The provider that needs no account: each file one algorithm, pure, standard library only (and the VADER lexicon)."""
