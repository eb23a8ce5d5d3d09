"""The staff search: its page, its form, and the comparison of names."""
