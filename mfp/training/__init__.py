"""Recursive training: one step of it, the clicks it draws and the loss."""
