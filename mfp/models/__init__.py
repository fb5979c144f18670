"""Networks that map an image crop, the previous probability map and clicks to logits."""
