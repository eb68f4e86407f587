"""The services: their entries and source, and the components that build and deploy them."""
