"""SelfExSR (Huang, Singh, Ahuja, CVPR 2015): a picture enlarged from its own transformed patches."""
