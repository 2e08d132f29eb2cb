"""Claims from lanes: who may run now is decided by `treadle.core.flow`; here is what is read for that, and written.

All of it happens in one transaction under one lock of the schema, so that no two claims enter the last place of a gate,
and none waits for the other's rows.
"""
