"""DRCN with the weights we trained (the network: `sr_models.networks.drcn`)."""

from sr_models.shipped import register_shipped

register_shipped("drcn", slow=True)
register_shipped("drcn-lite", slow=True)  # fewer channels: never under the paper's name
