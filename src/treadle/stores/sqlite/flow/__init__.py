"""Lanes, gates and turns in a SQLite file: what is loaded, decided by `treadle.core.flow`, and written."""
