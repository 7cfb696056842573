"""The whole course of training of linear networks: predicted, integrated, and trained."""
