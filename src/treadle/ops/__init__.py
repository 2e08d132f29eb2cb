"""Seeing and steering: every reading and command once, for the command line, the API and the dashboard."""
