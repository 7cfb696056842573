"""Training of wide networks on trial against their linearization and against kernel regression."""
