"""SRResNet and the SRGAN variants with the weights we trained (the network: `sr_models.networks.srresnet`)."""

from sr_models.shipped import register_shipped

register_shipped("srresnet-mse", "SRResNet-MSE")
register_shipped("srresnet-vgg22", "SRResNet-VGG22")
register_shipped("srgan-mse", "SRGAN-MSE")
register_shipped("srgan-vgg22", "SRGAN-VGG22")
register_shipped("srgan-vgg54", "SRGAN-VGG54")
register_shipped("srgan-vgg54d", "SRGAN-VGG54d")  # trained on the distilled encoder: never under the paper's name
