"""What builders hold goes into a store and comes back: one module per kind of thing that they can hold."""
