"""Who is asking, and what they may do: staff keys, sessions, booking cookies, security log."""
