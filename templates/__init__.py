"""Jinja templates, read through importlib.resources."""
