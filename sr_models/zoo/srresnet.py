"""SRResNet and SRGAN with the weights we trained (the network: `sr_models.networks.srresnet`)."""

from sr_models.shipped import register_shipped

register_shipped("srresnet-mse")
register_shipped("srresnet-vgg22")
register_shipped("srgan-mse")
register_shipped("srgan-vgg22")
register_shipped("srgan-vgg53")  # of VGG16: never under the name of VGG19's
register_shipped("srgan-vgg54")
