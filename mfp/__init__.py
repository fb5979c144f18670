"""The method: clicks, probability maps, networks, sessions. Tensors in, tensors out; no Ray, no files, no network."""
