"""The external programs pi and Millrace: which are used, and how setup installs them."""
