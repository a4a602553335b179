"""The manifest becomes tables and pages."""
