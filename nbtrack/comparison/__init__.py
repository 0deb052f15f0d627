"""What differs between two answers to one movie, and between an answer and the truth."""
