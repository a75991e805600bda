"""Super-resolution models: pictures in, networks, weights and the trainer behind them."""
