"""Cut objects that hold several tracks into one part for each, and link the parts anew."""
