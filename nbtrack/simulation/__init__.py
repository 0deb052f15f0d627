"""Movies made by the program itself: how cells move and divide, how they look, where a classifier errs."""
