"""Wire formats: JSON, message bodies, iCalendar, and validation of user-supplied text."""
