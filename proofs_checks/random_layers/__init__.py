"""Helpers of the trials of random layers as maps: experiments and closed forms."""
