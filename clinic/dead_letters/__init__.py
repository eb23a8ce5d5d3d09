"""Dead letters: listing, replay and removal."""
