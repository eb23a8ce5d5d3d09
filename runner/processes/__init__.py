"""The processes of a run: commands, supervision, signals and the lock of the data directory."""
