"""Click models of others behind the port of `mfp.click_model`; each runs because its user named it."""
