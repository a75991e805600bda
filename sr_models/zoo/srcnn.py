"""SRCNN with the weights we trained (the network: `sr_models.networks.srcnn`)."""

from sr_models.shipped import register_shipped

register_shipped("srcnn")
register_shipped("srcnn-955")
