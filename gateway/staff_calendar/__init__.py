"""The agenda of the staff: a calendar by day or week, or a list without a catalogue."""
