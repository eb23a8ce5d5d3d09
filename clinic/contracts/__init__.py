"""What crosses a wire: JSON in and out, message bodies, iCalendar, and the text of people."""
