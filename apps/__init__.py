"""The three pet services: their source, and the components that build and deploy them."""
