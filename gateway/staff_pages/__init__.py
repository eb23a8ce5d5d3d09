"""The pages of the staff, all behind a login."""
