"""How good a generator is: KID and FID on Inception features, and a sheet for the eye."""
