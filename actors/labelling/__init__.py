"""Labelling on a cluster: workers that click through shards, and the driver that hands them out."""
