"""SRResNet and SRGAN with the weights we trained (the network: `sr_models.networks.srresnet`)."""

from sr_models.shipped import register_shipped

register_shipped("srresnet-mse")
register_shipped("srresnet-vgg22")
register_shipped("srgan-mse")
register_shipped("srgan-vgg22")
register_shipped("srgan-vgg54")
register_shipped("srgan-vgg54d")  # trained on the distilled encoder: never under the paper's name
