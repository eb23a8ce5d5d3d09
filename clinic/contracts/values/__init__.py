"""Values that people type, such as names, addresses, phone numbers and dates, as fields."""
