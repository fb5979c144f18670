"""Masks and boxes that sessions start from: the forms in which people have them, and what is made of them."""
