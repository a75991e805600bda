"""What picture metrics share: the scene, the networks under them, and where their parameters come from."""
