"""What each command may be given; nothing heavy is imported to tell it."""
