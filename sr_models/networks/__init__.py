"""The networks themselves, as torch modules; `sr_models.zoo` gives trained ones their names."""
