"""Training of networks that are linear in their parameters, as matrix identities for every size."""
