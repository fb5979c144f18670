"""Bytes in, bytes out: storage, shards, data set layouts, click logs, tables and commits."""
