"""Making jobs happen. Knows the Store protocol, never a store."""
