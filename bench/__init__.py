"""The few numbers that we publish, each a ratio to a baseline taken in the same run."""
