"""A critic that sees features: what a network that was trained on ImageNet makes of real and painted pictures is what
small discriminators tell apart (Projected GANs, arXiv:2111.01007)."""
