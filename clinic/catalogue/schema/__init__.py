"""The JSON and YAML form of a catalogue: the same for files, requests and the stored document."""
