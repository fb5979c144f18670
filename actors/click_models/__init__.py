"""Click models of others, as the engine sees them."""
