"""The search of the staff: its page, its form, and how names are compared."""
