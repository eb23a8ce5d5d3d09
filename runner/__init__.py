"""The local runner: the whole clinic on one machine, without containers."""
