"""What the pages of patients and of staff share: rendering, static files, slots."""
