"""What an e-mail says, to whom it goes, and how many one address gets."""
