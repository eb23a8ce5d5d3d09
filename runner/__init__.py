"""The local runner: the whole system on one machine, without containers."""
