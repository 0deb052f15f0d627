"""Why an answer is as it is: the terms of its parts, and what the best other answer would cost."""
