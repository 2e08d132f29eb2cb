"""Who may run now: the predicates that a claim asks, as pure functions. The claim and `explain` ask the same ones."""
