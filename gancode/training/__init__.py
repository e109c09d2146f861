"""Training: the options, the two steps, the loop around them, and what is kept of a run."""
