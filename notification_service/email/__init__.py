"""E-mails: content, recipient address and quota."""
