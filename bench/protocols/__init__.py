"""From two pictures to comparable numbers: the protocols, and the arithmetic that they name."""
