"""Specs and verdicts become files: submissions, template context, quoting by dialect."""
