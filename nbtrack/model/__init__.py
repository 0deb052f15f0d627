"""The integer program: energies, rows and columns as arrays, and the Pyomo model made from them."""
