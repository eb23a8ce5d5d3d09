"""Dead letters: how they are listed, sent again and dropped."""
