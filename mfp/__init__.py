"""The method: clicks, probability maps, networks and sessions. Tensors in, tensors out; no Ray, no files, no network."""
