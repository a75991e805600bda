"""ESPCN with the weights we trained (the network: `sr_models.networks.espcn`)."""

from sr_models.shipped import register_shipped

register_shipped("espcn")
