"""What users of the IO classes and of the command line can rely on."""
