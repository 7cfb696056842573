"""Deep linear networks in training and along gradient flow, beside what the layers have in common."""
