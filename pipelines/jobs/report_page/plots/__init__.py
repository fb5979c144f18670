"""The plots of the page, one file for each kind."""
